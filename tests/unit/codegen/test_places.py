"""Where classes are kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lara_queue.codegen.places import composer_roots, place, places, roots_from
from lara_queue.errors import ConfigurationError


def test_namespaces_around_a_folder() -> None:
    assert roots_from("App\\Jobs", Path("/x/app/Jobs")) == [("App\\Jobs", Path("/x/app/Jobs")), ("App", Path("/x/app"))]
    assert roots_from("App\\Jobs", Path("/x/src")) == [("App\\Jobs", Path("/x/src"))]
    assert roots_from("", Path("/x")) == [("", Path("/x"))]


def test_the_most_particular_root_wins() -> None:
    roots = [("App", Path("app")), ("App\\Jobs", Path("jobs"))]
    assert place("App\\Jobs\\A\\B", roots) == Path("jobs/A/B.php")
    assert place("app\\Enums\\B", roots) == Path("app/Enums/B.php")
    assert places("App\\Jobs\\A", roots) == [Path("jobs/A.php"), Path("app/Jobs/A.php")]


def test_a_class_without_place() -> None:
    with pytest.raises(ConfigurationError, match=r"Where does Other\\A belong\? Known are App in app"):
        place("Other\\A", [("App", Path("app"))])


def test_composer(tmp_path: Path) -> None:
    below = tmp_path / "app" / "Jobs"
    below.mkdir(parents=True)
    assert [each for each in composer_roots(below) if each[1].is_relative_to(tmp_path)] == []
    rules = {"autoload": {"psr-4": {"App\\": "app/", "Lib\\": ["lib", "more"]}}}
    (tmp_path / "composer.json").write_text(json.dumps(rules))
    assert composer_roots(below) == [("App", tmp_path / "app"), ("Lib", tmp_path / "lib"), ("Lib", tmp_path / "more")]
    (tmp_path / "composer.json").write_text("{")
    with pytest.raises(ConfigurationError, match="is not JSON"):
        composer_roots(below)
