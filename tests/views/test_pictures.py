"""Pictures to keep: both forms show the same, an SVG is text that can be read, and a file is whole or not there."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from cowlab import Machine, linux, scenarios
from cowlab.views import Comparison, EventLog, Gauges, GroupBoxes, Lab, MemoryMap, ProcessTable, Timeline
from cowlab.views.gauges import FILLS
from cowlab.views.history import history
from cowlab.views.marks import Sheet, text_width
from cowlab.views.palette import PAPER, PRIVATE, STATES
from cowlab.views.picture_buttons import PictureButtons
from cowlab.views.pictures import Pictured
from cowlab.views.piece_sheet import LEFT, MOST_ROWS, RIGHT, wrapped
from cowlab.views.sheet_svg import FONTS, svg

SVG = "{http://www.w3.org/2000/svg}"


def machine() -> Machine:
    """With an event for each kind of line in a picture: a group that has a limit, swap, a fork and a copy."""
    machine = Machine(ram="64 MiB", swap="16 MiB")
    machine.cgroup("/pods", max="32 MiB")
    parent = machine.spawn("parent", cgroup="/pods")
    parent.mmap("4 MiB", name="heap").write()
    parent.fork("child")["heap"].write(0, 2)
    return machine


def timeline() -> Timeline:
    shown = Timeline(follow=False)
    shown.show(Machine(), history(scenarios.cgroup_isolation.small()))
    return shown


def two_machines() -> ProcessTable:
    shown = ProcessTable(follow=False)
    shown.show(machine(), Machine(ram="64 MiB"), ("copy on write: True", "copy on write: False"))
    return shown


VIEWS: dict[str, Callable[[], Pictured]] = {
    "lab": lambda: Lab(scenarios.fork_sharing),
    "pair": lambda: Lab(scenarios.fork_sharing, compare={"copy_on_write": [True, False]}),
    "map": lambda: MemoryMap(machine()),
    "timeline": timeline,
    "processes": lambda: ProcessTable(machine()),
    "processes of two": two_machines,
    "gauges": lambda: Gauges(machine()),
    "groups": lambda: GroupBoxes(machine()),
    "no groups": lambda: GroupBoxes(Machine()),
    "log": lambda: EventLog(machine()),
    "empty log": lambda: EventLog(Machine()),
    "comparison": lambda: Comparison(scenarios.fork_sharing.small()),
}


@pytest.fixture(autouse=True)
def _no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A comparison is one that was recorded."""

    def unavailable(*args: object, **values: object) -> None:
        raise linux.Unavailable("This machine has no Linux kernel to ask: <nothing> & nobody.")

    monkeypatch.setattr(linux, "run", unavailable)


@pytest.fixture(params=VIEWS, ids=str)
def view(request: pytest.FixtureRequest) -> Pictured:
    return VIEWS[request.param]()


def read(picture: bytes) -> ElementTree.Element:
    return ElementTree.fromstring(picture)


def texts(root: ElementTree.Element) -> list[str]:
    return ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]


# Both forms -----------------------------------------------------------------------------------------------------


def test_the_end_of_the_name_decides_the_form(view: Pictured, tmp_path: Path) -> None:
    view.save_picture(tmp_path / "moment.png")
    view.save_picture(str(tmp_path / "moment.SVG"))
    assert Image.open(tmp_path / "moment.png").format == "PNG"
    assert read((tmp_path / "moment.SVG").read_bytes()).tag == f"{SVG}svg"
    assert sorted(os.listdir(tmp_path)) == ["moment.SVG", "moment.png"]


def test_both_forms_have_one_shape(view: Pictured) -> None:
    image, root = Image.open(io.BytesIO(view.picture())), read(view.picture("svg"))
    width, height = (float(root.attrib[side]) for side in ("width", "height"))
    assert root.attrib["viewBox"].split() == ["0", "0", root.attrib["width"], root.attrib["height"]]
    assert (image.width, image.height) == pytest.approx((1.6 * width, 1.6 * height), abs=1)


def test_an_svg_has_each_text_of_the_picture_as_text_and_within_it(view: Pictured) -> None:
    root = read(view.picture("svg"))
    assert texts(root) == [text.text for text in view.drawn().texts]
    assert len(texts(root)) > 2
    for text in root.iter(f"{SVG}text"):
        assert 0 < float(text.attrib["x"]) < 1000
        assert 0 < float(text.attrib["y"]) < float(root.attrib["height"])


def test_an_svg_is_vectors_alone_and_needs_no_other_file(view: Pictured) -> None:
    picture = view.picture("svg")
    assert {element.tag.removeprefix(SVG) for element in read(picture).iter()} <= {
        *("svg", "title", "desc", "defs", "pattern", "g", "path", "rect", "text")
    }
    assert picture.count(b"http") == 1  # the name of the language
    assert FONTS.endswith("sans-serif")


def test_an_svg_has_the_description_in_it(view: Pictured) -> None:
    root = read(view.picture("svg"))
    assert root.attrib["role"] == "img"
    assert root.findtext(f"{SVG}desc") == view.description
    assert root.findtext(f"{SVG}title") == view.description.splitlines()[0]


@pytest.mark.parametrize("name", sorted({*VIEWS} - {"comparison"}))  # which has timings
def test_equal_moments_give_equal_svgs(name: str) -> None:
    assert VIEWS[name]().picture("svg") == VIEWS[name]().picture("svg")


def test_an_svg_has_the_colours_and_textures_of_what_is_drawn() -> None:
    view = MemoryMap(machine())
    root = read(view.picture("svg"))
    fills = [element.attrib["fill"] for element in root.iter() if "fill" in element.attrib]
    looks = view.drawn().boxes
    assert {PAPER, *(look.light for look in looks)} <= set(fills)
    patterns = [pattern.attrib["id"] for pattern in root.iter(f"{SVG}pattern")]
    assert len(patterns) == len({look.hatch for look in looks if look.hatch}) > 0
    assert {f"url(#{name})" for name in patterns} == {fill for fill in fills if fill.startswith("url")}


def test_a_box_and_a_text_are_where_the_sheet_has_them() -> None:
    sheet = Sheet(-100, 0)
    sheet.fill(STATES[PRIVATE], (10, -40, 30, -20))
    sheet.write(500, -50, "in the middle", align="center")
    root = read(svg(sheet, "a box"))
    box, text = root.find(f".//{SVG}path"), root.find(f".//{SVG}text")
    assert box is not None and box.attrib["d"] == "M10 40L30 40L30 20L10 20Z"
    assert text is not None and text.attrib["text-anchor"] == "middle"
    assert 50 < float(text.attrib["y"]) < 58  # the baseline, below the middle


def test_names_may_have_any_character() -> None:
    odd = Machine(ram="1 MiB")
    odd.spawn("<b>&\"'\x07 ä\u2028").mmap("64 KiB", name="heap")
    root = read(MemoryMap(odd).picture("svg"))
    assert "<b>&\"'\ufffd ä\u2028" in texts(root)


# Parts of a lab -------------------------------------------------------------------------------------------------


def test_what_a_piece_shows_is_as_new_as_its_machine() -> None:
    followed = machine()
    piece = ProcessTable(followed)
    followed["parent"].fork("second child")
    assert any("second child" in text for text in texts(read(piece.picture("svg"))))


def test_a_sum_that_counts_pages_twice_is_struck_out_and_what_differs_is_marked() -> None:
    assert len(VIEWS["processes"]().drawn().lines) == 1  # RSS; PSS adds up
    drawn = two_machines().drawn()
    assert sum(text.text.startswith("≠ ") for text in drawn.texts) > 3
    assert "copy on write: False" in [text.text for text in drawn.texts]


def test_bars_are_as_long_as_what_they_show() -> None:
    full = Machine(ram="16 MiB", overcommit="always")
    full.spawn("a").mmap("4 MiB", name="heap").write()
    drawn = Gauges(full).drawn()
    data, tables = (drawn.boxes[FILLS[name]][0] for name in ("data", "tables"))
    assert (data[2] - data[0]) / (RIGHT - LEFT) == pytest.approx(1 / 4)
    assert tables[0] == data[2] < tables[2]


def test_no_picture_is_endless() -> None:
    crowded = Machine(ram="64 MiB")
    for n in range(MOST_ROWS + 5):
        crowded.cgroup(f"/group {n}", max="1 MiB")
        crowded.spawn(f"process {n}", cgroup=f"/group {n}").mmap("128 KiB", name="heap").write(0, n % 32 + 1)
    for kind, left_out in (
        (lambda: ProcessTable(crowded), "and 5 more, not drawn"),
        (lambda: GroupBoxes(crowded), "and 6 more, not drawn"),  # one is the root
        (lambda: EventLog(crowded, events=MOST_ROWS + 7), "7 earlier ones, not drawn"),
    ):
        assert left_out in [text.text for text in kind().drawn().texts]


def test_groups_may_be_nested_as_deep_as_they_like() -> None:
    deep, path = Machine(), ""
    for n in range(50):
        path += f"/{n}"
        deep.cgroup(path)
    drawn = GroupBoxes(deep).drawn()
    assert path in [text.text for text in drawn.texts]
    assert all(left < right for boxes in drawn.outlines.values() for left, _, right, _ in boxes)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("one two", ["one two"]),
        ("one two three", ["one two", "three"]),
        ("wwwwwwwwww a", ["wwwwwwwwww", "a"]),
    ],
)
def test_text_is_broken_between_words(text: str, lines: list[str]) -> None:
    assert wrapped(text, 10, text_width("one two", 10)) == lines


# Files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["moment.jpg", "moment", "png", ".svg", "moment.svg.txt", ""])
def test_another_ending_is_refused_with_what_to_give(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="give a name that ends in .png or .svg, as in 'moment.svg'"):
        MemoryMap(machine()).save_picture(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_another_form_is_refused_with_what_to_give() -> None:
    with pytest.raises(ValueError, match="give 'png' or 'svg'"):
        MemoryMap(machine()).picture("pdf")  # type: ignore[arg-type]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no folder .*slides.*: make it first"):
        MemoryMap(machine()).save_picture(tmp_path / "slides" / "moment.svg")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("call", ["write_bytes", "replace"])
def test_a_picture_that_cannot_be_written_leaves_the_file_as_it_was(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(path: Path, content: bytes) -> None:
        with path.open("wb") as stream:
            stream.write(content[: len(content) // 2])
        raise OSError("no space left on device")

    def no_replace(*paths: object) -> None:
        raise OSError("no space left on device")

    file = tmp_path / "moment.svg"
    file.write_text("the one before")
    if call == "write_bytes":
        monkeypatch.setattr(Path, "write_bytes", half)
    else:
        monkeypatch.setattr("cowlab.files.os.replace", no_replace)
    with pytest.raises(OSError, match="no space"):
        MemoryMap(machine()).save_picture(file)
    assert os.listdir(tmp_path) == ["moment.svg"]
    assert file.read_text() == "the one before"


@pytest.mark.parametrize("kind", [MemoryMap, Timeline, ProcessTable, Gauges, GroupBoxes, EventLog])
def test_without_a_machine_there_is_no_picture(kind: type[Pictured], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no machine yet"):
        kind().save_picture(tmp_path / "moment.png")
    assert not list(tmp_path.iterdir())


# The buttons ----------------------------------------------------------------------------------------------------


def buttons_of(lab: Lab) -> PictureButtons:
    (found,) = (part for part in lab.tabs.code.children if isinstance(part, PictureButtons))
    return found


@pytest.mark.parametrize("form", ["png", "svg"])
def test_a_button_gives_the_picture_of_the_moment_to_who_asked(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab(scenarios.fork_sharing)
    lab.go(4)
    buttons, sent = buttons_of(lab), []
    monkeypatch.setattr(buttons, "send", lambda *message: sent.append(message))
    buttons._receive(buttons, {"type": "save", "form": form, "by": 7}, [])
    told = {"form": form, "by": 7, "name": f"fork_sharing-operation-4.{form}"}
    assert sent == [(told, [lab.picture(form)])]  # type: ignore[arg-type]


@pytest.mark.parametrize("message", [{}, {"type": "save"}, {"type": "save", "form": "pdf"}, {"form": "png"}], ids=str)
def test_what_is_no_request_gives_nothing(message: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    buttons, sent = buttons_of(Lab(scenarios.fork_sharing)), []
    monkeypatch.setattr(buttons, "send", lambda *message: sent.append(message))
    buttons._receive(buttons, message, [])
    assert not sent


def test_no_picture_is_made_before_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    plain = Lab.drawn
    monkeypatch.setattr(Lab, "drawn", lambda lab: drawn.append(lab) or plain(lab))
    lab = Lab(scenarios.fork_sharing)
    lab.tabs.selected_index = lab.tabs.titles.index("Code and trace")
    lab.set(children=2)
    lab.back()
    assert not drawn
    buttons_of(lab)._receive(None, {"type": "save", "form": "png"}, [])
    assert drawn == [lab]
