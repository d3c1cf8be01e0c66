"""Where the files of a dataset are: a given place, an environment variable, the user's cache."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nn.data.datasets.errors import DatasetError

if TYPE_CHECKING:
    from nn.data.datasets.source import IdxFile, Source, Split

VARIABLE = "TINYGRAD_NP_DATA"
TABLES = (".npz", ".csv")  # whole datasets in one file

# One file for both, or one for the images and one for the labels.
Found = Path | tuple[Path, Path]


def cache_folder() -> Path:
    """The user's folder for what can be fetched again."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = home / ".cache"
    asked = os.environ.get("XDG_CACHE_HOME", "")
    if Path(asked).is_absolute():  # the XDG specification says to ignore relative ones
        base = Path(asked)
    return base / "tinygrad_np"


def search_places(root: Path | None) -> dict[str, Path | None]:
    """The places to look into, in order, under the names by which messages call them."""
    variable = os.environ.get(VARIABLE)
    return {
        "root": root,
        VARIABLE: Path(variable).expanduser() if variable else None,
        "cache folder": cache_folder(),
    }


def find(source: Source, root: Path | None, *, train: bool) -> Found | None:
    """The first file, or pair of files, that holds the split; None if there is none.

    Raises
    ------
    FileNotFoundError
        If `root` names one file, and neither it nor the other split's beside it is there.
    DatasetError
        If a place is a file of another kind.
    """
    for name, place in search_places(root).items():
        if place is None:
            continue
        found = find_in(place, source, train=train)
        if found is not None:
            return found
        if name == "root" and place.suffix.lower() in TABLES:
            # Who names a file does not want another one in its place.
            raise FileNotFoundError(f"{place}: no file there with {_split_name(source, train)}.")
    return None


def find_in(place: Path, source: Source, *, train: bool) -> Found | None:
    """Like `find`, in one place: a folder with its sub-folders, or a file."""
    split, other = (source.train, source.test) if train else (source.test, source.train)
    if place.suffix.lower() == ".csv" and place.name in other.tables:
        # A table holds one split only; the other one usually lies beside it.
        return _first_file(place.parent, split.tables)
    if place.is_file():
        if place.suffix.lower() not in TABLES:
            problem = "a single file, of a kind that is read only together with others"
            raise DatasetError(place, problem, "Give the folder that holds it, or an .npz or .csv")
        return place
    for sub in source.folders:
        folder = place / sub
        images, labels = find_idx(folder, split.images), find_idx(folder, split.labels)
        if images and labels:
            return images, labels
        tables = (source.archive, *split.tables) if source.archive else split.tables
        if table := _first_file(folder, tables):
            return table
    return None


def find_idx(folder: Path, file: IdxFile) -> Path | None:
    """The file in this folder under any of its names: raw before gzip, as it reads faster."""
    historical = file.name.replace("-idx", ".idx")  # how old programs unpacked the archives
    names = [name + suffix for name in (file.name, historical) for suffix in ("", ".gz")]
    return _first_file(folder, names)


def not_found(source: Source, root: Path | None, *, train: bool) -> FileNotFoundError:
    """The error that says where the split was looked for, and what to do."""
    split = source.train if train else source.test
    lines = [f"{_split_name(source, train)} not found. Looked in:"]
    for name, place in search_places(root).items():
        lines.append(f"  {name + ':':<18}{_state(place, source, split)}")
    folders = ", ".join(f"{sub}/" if sub else "the folder itself" for sub in source.folders)
    tables = " or ".join(filter(None, (source.archive, *split.tables)))
    lines += [
        f"In each of them: {folders}.",
        "What to do, one of these:",
        "  pass download=True;",
        f"  put {split.images.name} and {split.labels.name}, raw or .gz, there"
        + (f" (or {tables});" if tables else ";"),
        f"  set the environment variable {VARIABLE} to the folder that holds them.",
    ]
    return FileNotFoundError("\n".join(lines))


def _state(place: Path | None, source: Source, split: Split) -> str:
    """What there is in a place where the search found nothing."""
    if place is None:
        return "not set"
    place = place.absolute()  # a relative path depends on where the program was started
    if not place.exists():
        return f"{place} (does not exist)"
    for sub in source.folders:
        images, labels = find_idx(place / sub, split.images), find_idx(place / sub, split.labels)
        if one := images or labels:
            missing = split.labels.name if images else split.images.name
            return f"{place} ({one.relative_to(place)} is there, {missing} is not)"
    return str(place)


def _split_name(source: Source, train: bool) -> str:
    return f"{source.name} ({'training' if train else 'test'} split)"


def _first_file(folder: Path, names: tuple[str, ...] | list[str]) -> Path | None:
    return next((path for name in names if (path := folder / name).is_file()), None)
