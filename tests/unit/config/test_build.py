"""What the program calls the build that runs."""

from importlib import metadata

from bouncegate.config.build import build, described


def test_a_build_names_the_commit_that_it_was_made_from() -> None:
    assert described("0.1.0", "0123456789ab") == "0.1.0 (0123456789ab)"


def test_a_build_of_nobody_knows_what_names_its_version_alone() -> None:
    assert described("0.1.0", "") == "0.1.0"


def test_the_version_is_that_of_the_distribution() -> None:
    assert build().startswith(metadata.version("bouncegate"))
