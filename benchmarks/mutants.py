"""Do the tests catch wrong rules? Breaks each rule in turn, and runs the tests until one fails.

    python benchmarks/mutants.py [--module faults] [--jobs 2] [--list] [--skip 100]

A mutant is a copy of the package in which one thing is different: a comparison takes the boundary the other way, a
condition is negated, a statement is left out, a constant is one more. The tests that are likely to notice
run first; what survives those runs through all that need no browser. Survivors are listed: each is either a change that
nobody can see, or a test that is missing.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
RULES = Path("cowlab", "engine", "rules")
LIKELY = {
    "faults": ["test_examples", "test_kernel_traces", "test_twins", "test_reclaim"],
    "commit": ["test_commit", "test_examples", "test_scenarios", "test_linux_suites"],
    "oom": ["test_oom", "test_scenarios", "test_linux_suites"],
    "cgroup": ["test_cgroup", "test_charges", "test_trace_ops", "test_linux_suites"],
}
REST = ["test_invariants", "test_pressure_invariants", "test_pressure", "test_bad_input", "test_api", "test_cluster"]
SECONDS = 300  # for one run of tests; a mutant that hangs is caught
OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
}


@dataclass(frozen=True)
class Mutant:
    """One broken rule: where, what became of it, and the module's text with it."""

    module: str
    function: str
    line: int
    change: str
    text: str

    def __str__(self) -> str:
        return f"{self.module}.py:{self.line} {self.function}: {self.change}"


def mutants(module: str) -> Iterator[Mutant]:
    """All mutants of one module of the engine."""
    tree = ast.parse((ROOT / RULES / f"{module}.py").read_text(encoding="utf-8"))
    places = [(node, name) for node, name in _in_functions(tree)]
    for number, (node, function) in enumerate(places):
        for change in range(len(_changes(node))):
            broken = copy.deepcopy(tree)
            target, _ = list(_in_functions(broken))[number]
            before = ast.unparse(target)
            _changes(target)[change]()
            after = ast.unparse(target)
            if before != after:
                said = f"{_short(before)}  ->  {_short(after)}"
                yield Mutant(module, function, node.lineno, said, ast.unparse(broken))


def _in_functions(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Each thing that can be changed, with the function it is in; docstrings and annotations are not among them."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and function.name not in ("__repr__", "__str__"):
            for statement in function.body:
                if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
                    for node in ast.walk(statement):
                        if hasattr(node, "lineno") and not isinstance(node, ast.JoinedStr):
                            yield node, function.name


def _changes(node: ast.AST) -> list:
    """What can be done to a node: functions that change it in place."""
    found: list = []
    if isinstance(node, ast.Compare) and type(node.ops[0]) in OPPOSITE:
        found.append(lambda: node.ops.__setitem__(0, OPPOSITE[type(node.ops[0])]()))
    if isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        found.append(lambda: setattr(node, "op", other))
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        found.append(lambda: setattr(node, "test", ast.UnaryOp(ast.Not(), node.test)))
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in ARITHMETIC:
        found.append(lambda: setattr(node, "op", ARITHMETIC[type(node.op)]()))
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        found.append(lambda: setattr(node, "value", not node.value))
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        found.append(lambda: setattr(node, "value", node.value + 1))
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        found.append(lambda: setattr(node, "value", ast.Constant(None)))
    return found


def _short(text: str) -> str:
    first = text.strip().splitlines()[0]
    return first if len(first) <= 60 else f"{first[:57]}..."


def caught_by(mutant: Mutant) -> str | None:
    """The tests that fail on it, or None."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for part in ("cowlab", "tests", "notebooks"):
            shutil.copytree(ROOT / part, home / part, ignore=shutil.ignore_patterns("__pycache__", "browser"))
        shutil.copy(ROOT / "pyproject.toml", home)
        (home / RULES / f"{mutant.module}.py").write_text(mutant.text, encoding="utf-8")
        likely = LIKELY[mutant.module]
        for name in [*likely, *(name for name in REST if name not in likely)]:
            if not _passes(home, name):
                return name
    return None


def _passes(home: Path, name: str) -> bool:
    (tests,) = (home / "tests").rglob(f"{name}.py")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", str(tests)]
    environment = {**os.environ, "PYTHONPATH": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=home, env=environment, capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Break each rule in turn; report what no test catches.")
    parser.add_argument("--module", choices=LIKELY, action="append", help="only this one (default: all four)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time")
    parser.add_argument("--skip", type=int, default=0, metavar="N", help="leave out the first N")
    parser.add_argument("--list", action="store_true", help="only say what would be tried")
    options = parser.parse_args()
    todo = [mutant for module in options.module or LIKELY for mutant in mutants(module)][options.skip :]
    if options.list:
        print("\n".join(map(str, todo)))
        return 0
    began, survivors = time.monotonic(), []
    with ThreadPoolExecutor(options.jobs) as pool:
        for number, (mutant, test) in enumerate(zip(todo, pool.map(caught_by, todo), strict=True), 1):
            print(f"{number}/{len(todo)} {'caught by ' + test if test else 'SURVIVES'}: {mutant}", flush=True)
            survivors += [] if test else [mutant]
    minutes = (time.monotonic() - began) / 60
    print(f"\n{len(todo) - len(survivors)} of {len(todo)} mutants are caught, in {minutes:.0f} minutes.")
    for mutant in survivors:
        print(f"  survives: {mutant}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
