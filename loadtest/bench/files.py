"""The files that benches read and load, made by `loadtest.workload`: 5, 10 or 40 columns, plain or fully quoted."""

from dataclasses import dataclass
from pathlib import Path

from loadtest.workload.recipe import recipe_of
from loadtest.workload.stream import Generation

FEEDS = Path(__file__).parents[1] / "feeds.toml"
BUCKET = "bench"
MB = 1_000_000
SHAPES = ("narrow", "mixed", "wide")  # 51, 110 and 924 bytes a row; each is the feed of that name
QUOTE_FREE, QUOTED, LINE_BREAKS = "quote-free", "quoted", "quoted, line breaks"
KEY = rb'"?00000-[0-9]'  # what each row begins with, and nothing within a row

_DAYS = "timestamp:2026-01-01:2026-12-28"
_FLAG = "choice:true=2|false?0.25"
_MIXED = {
    "customer": "choice:Anna Müller|José García|Łukasz Nowak|Maeve O'Brien|William Null|Ingrid Haugen|李小龙",
    "city": "choice:Köln|Málaga|Łódź|Cork|Swindon|Bergen|Utrecht",
    "product": "choice:Desk lamp|Wool blanket|Cast iron skillet|Kettle 1.7 l|Bicycle pump",
    "quantity": "uniform:1:120",
    "price": "uniform:0.01:99999.99:2",
    "discount": "choice:0=2|0.05=2|-0.125|0.333?0.2",
    "paid": _FLAG,
    "ordered_at": _DAYS,
    "note": "text:2:4",
}
_HARD = {  # not a cell is empty: that would be one without quotes
    "product": 'choice:Skillet 11"|Kettle, 2 l|Lamp|27" IPS|Pump',
    "discount": "choice:0=2|0.05=2|-0.125|0.333",
    "paid": "choice:true=2|false",
    "note": 'choice:"noon"|fragile|gift, no bill|call first',
}
_BROKEN = {"note": 'choice:ring,\ntwice|"noon"|fragile|gift, no bill|call first|2nd\r\nleft'}
_NARROW = {"customer": "choice:C-1|C-2|C-3|C-4", "quantity": "uniform:1:120", "paid": _FLAG, "ordered_at": _DAYS}
_WIDE = {f"text_{n:02d}": "text:3:8" for n in range(1, 25)}
_WIDE |= {f"number_{n:02d}": "uniform:-9999.999:9999.999:3" for n in range(1, 11)}
_WIDE |= {f"flag_{n}": _FLAG for n in range(1, 6)}
_COLUMNS = {
    ("narrow", QUOTE_FREE): _NARROW,
    ("mixed", QUOTE_FREE): _MIXED,
    ("mixed", QUOTED): {**_MIXED, **_HARD},
    ("mixed", LINE_BREAKS): {**_MIXED, **_HARD, **_BROKEN},
    ("wide", QUOTE_FREE): _WIDE,
}


@dataclass(frozen=True, slots=True)
class Sample:
    """A file of a bench; it lies in a folder that stands for a bucket."""

    path: Path
    shape: str
    file_bytes: int
    rows: int

    @property
    def key(self) -> str:
        """Its key in the bucket; the prefix is that of its feed."""
        return f"{self.shape}/{self.path.name}"

    @property
    def url(self) -> str:
        """Where an S3 endpoint that serves the folder has it."""
        return f"s3://{BUCKET}/{self.key}"


def generation(total_bytes: int, seed: int, *, shape: str = "mixed", kind: str = QUOTE_FREE) -> Generation:
    """Return a file, to be iterated for its bytes: at most `total_bytes`; 0 are a header alone."""
    size = {"size": total_bytes} if total_bytes else {"rows": 0}
    quoting = "needed" if kind == QUOTE_FREE else "all"
    columns = _COLUMNS[shape, kind]
    return Generation(recipe_of(FEEDS, shape, **size, columns=columns, seed=seed, quoting=quoting))  # type: ignore[arg-type]


def write_sample(folder: Path, total_bytes: int, seed: int, *, shape: str = "mixed", kind: str = QUOTE_FREE) -> Sample:
    """Write a file to the bucket in a folder; return it."""
    made = generation(total_bytes, seed, shape=shape, kind=kind)
    path = folder / BUCKET / shape / f"{kind.replace(', ', '-').replace(' ', '-')}-{total_bytes}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.writelines(made)
    return Sample(path, shape, path.stat().st_size, made.known_outcome.rows)


def samples(folder: Path, total_bytes: int, seed: int, **which: str) -> tuple[Sample, Sample]:
    """Write a file, and one that is its header alone; return both."""
    return write_sample(folder, total_bytes, seed, **which), write_sample(folder, 0, seed, **which)
