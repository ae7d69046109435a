"""Every lesson: its shape, that no result is typed into it, that it shows itself without being run, and its claims."""

from __future__ import annotations

import ast
import json
import re
import symtable
from pathlib import Path

import pytest

import cowlab
from cowlab.course import claims
from helpers.paths import NOTEBOOKS

LESSONS = sorted(NOTEBOOKS.glob("0[1-9]_*.ipynb"))
FIRST = "A question from real life"
REST = [
    "Predict",
    "See it",
    "Explain it",
    "Put numbers on it",
    "On your own kernel",
    "What people get wrong",
    "Check yourself",
    "What to remember",
    "Go further",
]
FIGURE = re.compile(r"\d[\d.,]*\s*(?:[KMG]i?B|%|times|pages|ms|frames|processes)")
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
CLAIMS = [
    pytest.param(lesson, claim, id=f"{lesson}-{claim.name}")
    for lesson in claims.lessons()
    for claim in claims.claims_of(lesson)
]


@pytest.fixture(params=LESSONS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> dict:
    return json.loads(request.param.read_text(encoding="utf-8"))


def source(cell: dict) -> str:
    return "".join(cell["source"])


def cells(notebook: dict, kind: str) -> list[dict]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


def prose(notebook: dict) -> str:
    return "\n".join(map(source, cells(notebook, "markdown")))


def code(notebook: dict) -> str:
    return "\n".join(map(source, cells(notebook, "code")))


def outputs(notebook: dict) -> list[dict]:
    return [output for cell in cells(notebook, "code") for output in cell["outputs"]]


def shown(notebook: dict) -> str:
    """All text that a reader sees in the outputs, who runs nothing."""
    texts = ["".join(output.get("text", "")) for output in outputs(notebook)]
    texts += ["".join(output.get("data", {}).get("text/plain", "")) for output in outputs(notebook)]
    return "\n".join(texts)


def unaligned(text: str) -> str:
    """The text without the spaces that align the columns of its tables."""
    return re.sub(" +", " ", text)


def shows_its_claims(cell: dict) -> bool:
    """Is this the cell that lists the claims of its lesson?"""
    return source(cell).startswith("Claims(")


class WithoutImports(ast.NodeTransformer):
    """Code as it would be if all that it imports were there already; `names` are those that it imports."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> ast.Pass:
        self.names |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        return ast.Pass()

    visit_ImportFrom = visit_Import


def rebound(code: str) -> set[str]:
    """The names that code imports and gives another meaning: who runs an earlier cell again then gets an error.

    Parameters and what a function assigns are names of that function alone.
    """
    imports = WithoutImports()
    rest = ast.unparse(imports.visit(ast.parse(code)))
    return imports.names & {
        one.get_name() for one in symtable.symtable(rest, "lesson", "exec").get_symbols() if one.is_assigned()
    }


def position(notebook: dict, pattern: str) -> int:
    """The first code cell that matches."""
    return next(n for n, cell in enumerate(cells(notebook, "code")) if re.search(pattern, source(cell)))


def test_there_are_lessons_and_each_has_claims() -> None:
    assert LESSONS
    assert [path.stem for path in LESSONS] == claims.lessons()


def test_it_says_first_what_one_can_do_afterwards(notebook: dict) -> None:
    assert re.match(r"# .+\n\nAfter this lesson you can .+?\.\s", source(notebook["cells"][0]), re.DOTALL)


def test_the_sections_come_in_their_order(notebook: dict) -> None:
    """A lesson may have one section of its own, after the first."""
    sections = re.findall(r"^## (.+)$", prose(notebook), re.M)
    assert sections[0] == FIRST
    assert sections[-len(REST) :] == REST
    assert len(sections) <= len(REST) + 2


def test_the_prediction_comes_before_the_lab(notebook: dict) -> None:
    assert position(notebook, r"\bquestions\.\w+\(|Drawn\(") < position(notebook, r"\bLab\(")


def test_no_number_with_a_unit_is_typed_into_the_text(notebook: dict) -> None:
    assert FIGURE.findall(prose(notebook)) == []


def test_no_cell_gives_an_answer_away(notebook: dict) -> None:
    assert not re.search(r"\b(Prediction|Question|Estimate|PagePrediction)\(", code(notebook))
    assert "Yes" not in code(notebook)


def test_the_rule_is_shown_from_the_engine_and_never_pasted(notebook: dict) -> None:
    assert "inspect.getsource(" in code(notebook)
    rules = set(re.findall(r"^ *def (\w+)\(", shown(notebook), re.M))
    assert rules
    assert [name for name in rules if f"def {name}(" in code(notebook)] == []


def test_its_first_cell_imports_in_two_or_three_lines(notebook: dict) -> None:
    first = source(cells(notebook, "code")[0]).splitlines()
    assert 2 <= len(first) <= 3
    assert [line for line in first if not re.match(r"(from|import) cowlab\b", line)] == []


def test_no_cell_gives_an_imported_name_another_meaning(notebook: dict) -> None:
    assert rebound(code(notebook)) == set()


@pytest.mark.parametrize(
    "binds",
    [
        "faults = 3",
        "faults += 3",
        "(faults, rest) = 1, 2",
        "for faults in range(3): pass",
        "with open('file') as faults: pass",
        "def faults(): pass",
        "class faults: pass",
        "if faults := 3: pass",
        "try: pass\nexcept ValueError as faults: pass",
        "match 3:\n    case faults: pass",
        "faults: int = 3",
    ],
)
@pytest.mark.parametrize("imports", ["from cowlab.engine import faults", "import x.y as faults", "import faults.z"])
def test_another_meaning_of_an_imported_name_is_found(imports: str, binds: str) -> None:
    assert rebound(f"{imports}\n{binds}") == rebound(f"{binds}\n{imports}") == {"faults"}


@pytest.mark.parametrize(
    "uses",
    [
        "print(faults)",
        "[faults for faults in range(3)]",
        "def rule(faults):\n    faults = 3",
        "faults.rule = 3",
        "faults[0] = 3",
    ],
)
def test_a_name_of_a_function_alone_is_no_other_meaning(uses: str) -> None:
    assert rebound(f"from cowlab.engine import faults\n{uses}") == set()


def test_its_tables_are_padded_by_nobody(notebook: dict) -> None:
    """`table(rows)` does it: no width stands in a format."""
    assert re.findall(r"\{[^{}]*:[^{}]*[<>^]\d[^{}]*\}", code(notebook)) == []


def test_it_was_saved_as_run_from_top_to_bottom(notebook: dict) -> None:
    counts = [cell["execution_count"] for cell in cells(notebook, "code")]
    assert counts == list(range(1, len(counts) + 1))
    assert [output for output in outputs(notebook) if output["output_type"] == "error"] == []


def test_merely_opened_it_shows_its_pictures_and_each_has_its_words(notebook: dict) -> None:
    pictures = [output["data"] for output in outputs(notebook) if "image/png" in output.get("data", {})]
    assert pictures
    texts = ["".join(data["text/plain"]) for data in pictures]
    assert [text for text in texts if len(text) < 20 or text.startswith("<")] == []


def test_its_outputs_are_the_same_on_every_machine(notebook: dict) -> None:
    assert not re.search(r"\b0x[0-9a-f]{6,}|/tmp/|/home/", shown(notebook))
    assert notebook["metadata"] == METADATA
    assert all(cell["metadata"].keys() <= {"slideshow"} for cell in notebook["cells"])


def test_at_most_three_things_to_remember_each_with_a_cell_to_change(notebook: dict) -> None:
    heads = r"## (What to remember|Go further)"
    bounds = [n for n, cell in enumerate(notebook["cells"]) if re.match(heads, source(cell))]
    last = {"cells": notebook["cells"][slice(*bounds)]}
    things = re.findall(r"^\*\*(\d)\. ", prose(last), re.M)
    changeable = [cell for cell in cells(last, "code") if "# change th" in source(cell)]
    assert 1 <= len(things) == len(changeable) <= 3


def test_it_draws_nothing_into_output_or_interact(notebook: dict) -> None:
    assert not re.search(r"\b(Output|interact\w*)\(", code(notebook))


def test_its_images_have_alternative_texts(notebook: dict) -> None:
    assert not re.search(r"!\[\s*\]\(", prose(notebook))
    html = prose(notebook) + "".join("".join(o.get("data", {}).get("text/html", "")) for o in outputs(notebook))
    assert [tag for tag in re.findall(r"<img\b[^>]*>", html) if not re.search(r'\balt="[^"]+"', tag)] == []


@pytest.mark.parametrize(("lesson", "claim"), CLAIMS)
def test_a_claim_is_what_the_lesson_shows(lesson: str, claim: claims.Claim) -> None:
    """In its other cells: the list of claims is computed from the claim itself, and would prove nothing."""
    notebook = json.loads((NOTEBOOKS / f"{lesson}.ipynb").read_text(encoding="utf-8"))
    others = [cell for cell in notebook["cells"] if not shows_its_claims(cell)]
    assert len(others) == len(notebook["cells"]) - 1
    assert claim.says.count("{}") == claim.beside.count("{}") == 1
    assert claim.shown in unaligned(shown({"cells": others}))


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_ends_with_all_of_its_own_claims(path: Path) -> None:
    last = json.loads(path.read_text(encoding="utf-8"))["cells"][-1]
    assert source(last) == f'Claims("{path.stem}")'
    names = re.findall(r"^(\w+): .+ \(Source: .+\)$", shown({"cells": [last]}), re.M)
    assert names == [claim.name for claim in claims.claims_of(path.stem)]


def test_its_claims_were_computed_by_this_version(notebook: dict) -> None:
    said = f"figures of this lesson, computed by cowlab {cowlab.__version__}."
    last = shown({"cells": notebook["cells"][-1:]})
    assert said in last, "the version has changed since this lesson was saved: run all lessons again and save them"
