"""What a listing of a source passes over: noted, so that nothing a person put there vanishes without a line."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

TABLES = ("labels.csv", "labels.tsv", "labels.parquet")  # of labels, beside images; in any case
ARCHIVES = (".tar.gz", ".tgz", ".tar", ".zip")
_SHOWN = 3  # endings and folders that a line names
# Files that a person may take for such a table: another name, a spreadsheet, a compressed one.
_UNREAD_TABLE = re.compile(
    r"label\.(csv|tsv|parquet)|labels?\.(csv|tsv|parquet)\.\w+|labels?\.(xls\w?|ods|numbers|arrow|feather|sqlite|db)"
)
# Those of other programs, which may be one, or only say what classes there are.
_FOREIGN_TABLE = re.compile(
    r"[\w .()-]*(labels?|annotations?|metadata|targets?)[\w .()-]*\.(csv|tsv|txt|jsonl?|ndjson|ya?ml|xml)~?"
)


def is_table(name: str) -> bool:
    """Whether a file is called as a table of labels is."""
    return name.rpartition("/")[2].lower() in TABLES


def looks_like_table(name: str) -> bool:
    """Whether a file is called nearly as a table of labels is, or is one in a form that is not read."""
    return _UNREAD_TABLE.fullmatch(name.rpartition("/")[2].lower()) is not None


def may_be_table(name: str) -> bool:
    """Whether a file is called as tables of labels are in other programs; what it holds tells."""
    last = name.rpartition("/")[2].lower()
    return _FOREIGN_TABLE.fullmatch(last) is not None and last not in TABLES and not looks_like_table(last)


def is_archive(name: str) -> bool:
    """Whether a file is called as an archive is."""
    return name.lower().endswith(ARCHIVES)


def _ending(name: str) -> str:
    """A file's ending, "" for what is none: a part of a sentence behind a full stop, say."""
    ending = name.rpartition(".")[2].lower()
    return f".{ending}" if re.fullmatch(r"[\w-]{1,16}", ending) and len(ending) < len(name) - 1 else ""


@dataclass
class ListingNotes:
    """Files and folders of a source beside its images, neither hidden nor litter; names print.

    endings: how many files of each. tables, unread_tables, foreign_tables, archives: those called so. first: of the
    others, by name. hidden: how many files called as images are lie hidden or among litter, the first is first_hidden.
    folders: all there are. not_utf8, folder_not_utf8: the first name of any file that is not UTF-8, and of a folder;
    "" for none.
    """

    endings: Counter[str] = field(default_factory=Counter)
    first: str = ""
    tables: list[str] = field(default_factory=list)
    unread_tables: list[str] = field(default_factory=list)
    foreign_tables: list[str] = field(default_factory=list)
    archives: list[str] = field(default_factory=list)
    folders: set[str] = field(default_factory=set)
    not_utf8: str = ""
    folder_not_utf8: str = ""
    hidden: int = 0
    first_hidden: str = ""

    def add(self, name: str) -> None:
        """A file beside the images or, with a slash at the end, a folder."""
        folder, _, last = name.rpartition("/")
        self.folders.add(folder)
        if not last:
            return
        if name in self.tables:  # twice in an archive: the last one counts
            return
        self.endings[_ending(last)] += 1
        if is_table(name):
            self.tables.append(name)
        elif looks_like_table(name):
            self.unread_tables.append(name)
        elif is_archive(name):
            self.archives.append(name)
        else:
            self.first = min(self.first or name, name)
            if may_be_table(name):
                self.foreign_tables.append(name)

    def hide(self, name: str) -> None:
        """A file that is called as an image is, hidden or among litter."""
        self.hidden += 1
        self.first_hidden = min(self.first_hidden or name, name)

    def without(self, read: Iterable[str]) -> "ListingNotes":
        """The same without some of its tables and archives, which are read after all."""
        used = set(read)
        endings = self.endings - Counter(map(_ending, used))
        tables, archives = (
            [name for name in names if name not in used] for names in (self.tables, self.archives)
        )
        return replace(self, endings=endings, tables=tables, archives=archives)

    def below(self, folder: str, inside: "ListingNotes") -> None:
        """Add what was noted of an archive that stands for a folder."""
        self.endings += inside.endings
        self.tables += [f"{folder}/{name}" for name in inside.tables]
        self.unread_tables += [f"{folder}/{name}" for name in inside.unread_tables]
        self.foreign_tables += [f"{folder}/{name}" for name in inside.foreign_tables]
        self.archives += [f"{folder}/{name}" for name in inside.archives]
        self.folders |= {f"{folder}/{name}" if name else folder for name in inside.folders}
        self.first = min(filter(None, (self.first, inside.first and f"{folder}/{inside.first}")), default="")
        self.hidden += inside.hidden
        hidden = filter(None, (self.first_hidden, inside.first_hidden and f"{folder}/{inside.first_hidden}"))
        self.first_hidden = min(hidden, default="")
        self.not_utf8 = self.not_utf8 or inside.not_utf8
        self.folder_not_utf8 = self.folder_not_utf8 or inside.folder_not_utf8

    def passed_over(self) -> str:
        """How many files of which endings, and one of them; "" for none."""
        if not (count := self.endings.total()):
            return ""
        first = min(filter(None, (self.first, *self.tables, *self.unread_tables, *self.archives)))
        ordered = sorted(self.endings.items(), key=lambda item: (-item[1], item[0]))
        most = ", ".join(f"{ending or 'no ending'} {n}" for ending, n in ordered[:_SHOWN])
        more = ", …" if len(self.endings) > _SHOWN else ""
        return f"{counted(count, 'file')} ({most}{more}), the first {first!r}"


def without_images(folders: Iterable[str], names: Iterable[str]) -> list[str]:
    """Of folders, the topmost below which no image lies, in order; `names` are those of all images."""
    full = {""}
    for folder in {name.rpartition("/")[0] for name in names}:
        while folder not in full:
            full.add(folder)
            folder = folder.rpartition("/")[0]  # noqa: PLW2901 - on to the one above
    return sorted({top for folder in folders if (top := _topmost(folder, full))})


def _topmost(folder: str, full: set[str]) -> str:
    """The highest folder at or above one that is not among the `full`; "" where it is itself."""
    top = ""
    while folder not in full:
        top, folder = folder, folder.rpartition("/")[0]
    return top


def counted(number: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {noun}{'s' * (number != 1)}"


def listed(names: list[str]) -> str:
    """Some names in quotes, and how many more there are."""
    shown = ", ".join(map(repr, names[:_SHOWN]))
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
