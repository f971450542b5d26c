"""The section `csv` of feeds.toml: how the bytes of a feed's files become cells."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, structs

OneCharacter = Annotated[str, Meta(min_length=1, max_length=1)]
CharacterOrNone = Annotated[str, Meta(max_length=1)]


class Csv(Struct, frozen=True, forbid_unknown_fields=True):
    """How the bytes of a feed's files become cells."""

    delimiter: Annotated[
        OneCharacter,
        Meta(
            description='One character between cells, as ";" or "\\t". Longer ones are refused. A first line '
            "sep=; as Excel writes it is left out, and must say the same."
        ),
    ] = ","
    quote: Annotated[
        CharacterOrNone, Meta(description='Encloses cells; doubled inside it means itself. "" = no quoting.')
    ] = '"'
    escape: Annotated[
        CharacterOrNone, Meta(description='Takes the next character as it is, in and out of quotes. "" = no escaping.')
    ] = ""
    quoting: Annotated[
        Literal["strict", "lenient"],
        Meta(
            description="strict: behind a closing quote stands a delimiter, a line end or the end of the file; all "
            "else is a reject (bad_quote), and so is a cell that holds what look like rows (swallowed_rows); lenient: "
            "what stands behind a closing quote belongs to the cell, and a quote that is not closed within "
            "max_record_bytes is an ordinary character."
        ),
    ] = "strict"
    blanks_around_quotes: Annotated[
        bool,
        Meta(
            description="true: spaces and tabs between a delimiter and a quote are left out, so that a quote behind "
            'them opens a cell, as in 1, "Smith, Ann", 3. trim does so, too.'
        ),
    ] = False
    line_end: Annotated[
        CharacterOrNone,
        Meta(
            description='The one character that ends records, as "\\u0085" (NEL, in EBCDIC files), "\\u001e" or "~"; '
            'other line ends belong to cells then. "" = LF, CR LF and CR each end one.'
        ),
    ] = ""
    header: Annotated[
        Literal["first", "none"] | Annotated[int, Meta(ge=1, le=10)] | tuple[str, ...],
        Meta(
            description="first: column names are the first record; a number of header records: a column's name is what "
            "they say of it, joined by blanks; none: column_1, column_2, ...; or a list of names, for files without a "
            "header: a first record that repeats them is not a row."
        ),
    ] = "first"
    skip_lines: Annotated[int, Meta(ge=0, description="Lines before the header that are not data.")] = 0
    names: Annotated[
        tuple[str, ...], Meta(description="Column names in place of those in the file, one for each column.")
    ] = ()
    repeated_header: Annotated[
        Literal["reject", "skip"],
        Meta(
            description="Records below the header that are the header again, as where files were joined: rejects "
            "(repeated_header); or skipped and not counted, like blank lines. A byte order mark before a record is "
            "left out."
        ),
    ] = "reject"
    footer_lines: Annotated[
        int,
        Meta(
            ge=0,
            le=1000,
            description="Lines at the end that are not data. Blank lines below the last of them are not counted.",
        ),
    ] = 0
    comment: Annotated[
        str,
        Meta(max_length=20, description='Lines that begin so, where a record could, are not data. "" = none.'),
    ] = ""
    encoding: Annotated[
        str,
        Meta(
            description="Any text encoding Python knows: utf-8 (with or without a byte order mark), utf-16, cp1252, ..."
        ),
    ] = "utf-8"
    compression: Annotated[
        Literal["auto", "none", "gzip", "bz2", "zstd"],
        Meta(description="auto: recognised by the first bytes, whatever the file is called."),
    ] = "auto"
    max_expanded_bytes: Annotated[
        int,
        Meta(ge=1, description="A compressed file that expands to more fails (bomb), before memory or disk suffer."),
    ] = 200_000_000_000
    max_ratio: Annotated[
        int,
        Meta(
            ge=1, description="So does one that expands to more than this many times its size, after the first 64 MiB."
        ),
    ] = 200
    max_record_bytes: Annotated[
        int,
        Meta(
            ge=1024,
            le=16 * 1024 * 1024,
            description="A longer record is rejected; a quote that is not closed within it costs its line.",
        ),
    ] = 1024 * 1024
    null_values: Annotated[
        tuple[str, ...],
        Meta(
            description="Cells that mean 'no value'. Nothing else does: NA may be a surname. One that begins with the "
            "escape, as \\N, is compared with the cell as it stands in the file."
        ),
    ] = ("",)
    quoted_nulls: Annotated[bool, Meta(description='false: a quoted cell is never null, so "" is an empty string.')] = (
        True
    )
    escapes: Annotated[
        Literal["none", "mysql", "postgres"],
        Meta(
            description="What letters behind the escape mean. none: themselves; mysql: \\0 \\b \\n \\r \\t \\Z and "
            "postgres: \\0 \\b \\f \\n \\r \\t \\v are control characters, as these databases write them."
        ),
    ] = "none"
    trim: Annotated[
        bool, Meta(description="true: take white space around cells and column names away before anything else.")
    ] = False
    decimal: Annotated[Literal[".", ","], Meta(description="The decimal mark of numbers (type N).")] = "."
    thousands: Annotated[
        CharacterOrNone, Meta(description='Stands between groups of three digits, as in 1_000. "" = none.')
    ] = ""
    accounting: Annotated[
        bool,
        Meta(
            description="true: numbers may be written 100- or (123), which are negative, and 12%, which is 0.12; "
            "a blank may stand before the %."
        ),
    ] = False
    ragged: Annotated[
        Literal["reject", "pad", "trim"],
        Meta(description="Rows with another number of cells: reject; pad short ones with nulls; or trim long ones."),
    ] = "reject"
    empty_rows: Annotated[
        Literal["reject", "skip"],
        Meta(
            description="Records of nothing but delimiters, as spreadsheets write them below a table: rows without a "
            "key, which are rejects; or skipped and not counted, like blank lines."
        ),
    ] = "reject"
    missing_columns: Annotated[
        Literal["refuse", "allow"],
        Meta(description="A column the feed lists is not in the file: fail the file, or write rows without it."),
    ] = "refuse"
    unknown_columns: Annotated[
        Literal["keep", "drop", "refuse"],
        Meta(description="Columns of the file that the feed does not list: keep as strings, drop, or fail the file."),
    ] = "keep"

    def changed(self, **fields: Any) -> "Csv":
        """Return the dialect with other settings."""
        return structs.replace(self, **fields)

    @property
    def blanks(self) -> str:
        """The blanks that may surround a quoted cell and do not belong to it."""
        if not self.quote or not (self.trim or self.blanks_around_quotes):
            return ""
        return "".join(blank for blank in " \t" if blank not in (self.delimiter, self.quote, self.escape))

    def translated(self, characters: dict[int, str]) -> "Csv":
        """Return the dialect for files in which these characters were replaced by others; `line_end` stays."""
        changed: dict[str, Any] = {
            name: getattr(self, name).translate(characters) for name in ("delimiter", "quote", "escape", "comment")
        }
        for name in ("null_values", "names", "header"):
            texts = getattr(self, name)
            changed[name] = tuple(text.translate(characters) for text in texts) if isinstance(texts, tuple) else texts
        return self.changed(**changed)
