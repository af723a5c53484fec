"""Names files that are no CSV for what they are, by the bytes that they begin with."""

from __future__ import annotations

import re

from lowloss.errors import TableUnreadable

START_BYTES = 4096
AS_CSV = "write its table as CSV or Parquet"
PAIR = rb"[ \t]+(?:qid:\d+|\d+:[-+.\deE]+)"
PAIRS = rb"[-+.\deE]+(?:%s)+[ \t]*(?:#.*)?\r?\n" % PAIR
"""A line of LIBSVM: a label and pairs of a column's number and its value."""
NO_CLOCK = rb"(?=.*[ \t]\d+:(?![0-5]\d(?:[^.\deE]|$)))"
"""Not all values of a line have two digits: else they are times of day."""

SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (
        rb"(?i)\s*<(?:!doctype html|html|head|body|table)",
        "an HTML page, not a table",
        "download the table itself; a page may ask you to sign in first",
    ),
    (
        rb"\s*(?:\{\s*\"[^\"]*\"\s*:|\[\s*[\[{]|\{\s*\})",
        "JSON, not a CSV",
        "give format=jsonl",
    ),
    (rb"(?s).{257}ustar", "a tar archive, not one table", "unpack it, and give one table"),
    (
        rb"\s*<(?:\?xml|(?!stata_dta)[A-Za-z][\w:.-]*(?:\s[^<>]*)?>\s*<[A-Za-z])",
        "an XML document",
        f"{AS_CSV}: pandas.read_xml reads it",
    ),
    (
        rb"(?i)\s*(?:(?:--|#).*\n\s*|/\*(?:[^*]|\*(?!/))*\*/;?\s*)*"
        rb"(?:create table|insert into|drop table|begin transaction|pragma \w+\s*=|set [@\w]+\s*=)",
        "SQL, not a table",
        "run it in a database, and export the table as CSV",
    ),
    (rb"(?:---[ \t]*\r?\n)?- [\w ]+: .*\n {2,}[\w ]+: ", "YAML, not a CSV", "write it as JSON"),
    (
        rb"\s*(?:%.*\n\s*)*\\(?:documentclass|begin\{)",
        "a LaTeX document",
        "export its table as CSV",
    ),
    (rb"\x03[\x00-\xff][\x01-\x0c][\x01-\x1f]", "a dBASE file", AS_CSV),
    (rb"%PDF-", "a PDF document", "export its table as CSV"),
    (
        rb"version https://git-lfs\.github\.com",
        "a pointer of Git LFS, not the file",
        "git lfs pull",
    ),
    (rb"/annex/objects/", "a pointer of git-annex, not the file", "git annex get"),
    (
        rb"(?:md5: \w+\n)?(?:outs|deps):\r?\n- ",
        "a pointer of DVC, not the file",
        "dvc pull, and give the file beside it",
    ),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls)", "give format=xlsx"),
    (rb"PAR1", "a Parquet file", "give format=parquet"),
    (rb"ARROW1", "an Arrow file", "give format=arrow"),
    (rb"(?i)\s*(?:%.*\n\s*)*@relation\s", "an ARFF file", f"{AS_CSV}, such as by scipy.io.arff"),
    (
        rb"(?:#.*\n)*%s(?:(?:%s){2}|[-+.\deE]+(?:%s){20})" % (NO_CLOCK, PAIRS, PAIR),
        "a LIBSVM file of index:value pairs",
        "read it by sklearn.datasets.load_svmlight_file, and write its columns as CSV or Parquet",
    ),
    (rb"SQLite format 3\0", "an SQLite database", "export a table of it as CSV"),
    (rb"\x89HDF\r\n|MATLAB 7\.3 MAT", "an HDF5 file", AS_CSV),
    (rb"MATLAB 5\.0 MAT", "a MATLAB file", f"{AS_CSV}: writetable in MATLAB"),
    (
        rb"<stata_dta>|[\x69-\x73][\x01\x02]\x01\x00",
        "a Stata file",
        f"{AS_CSV}: pandas.read_stata reads it",
    ),
    (rb"\$FL[23]", "an SPSS file", f"{AS_CSV}: pandas.read_spss reads it"),
    (
        rb"\x00{12}\xc2\xea\x81\x60|HEADER RECORD\*{7}",
        "a SAS file",
        f"{AS_CSV}: pandas.read_sas reads it",
    ),
    (rb"ORC[\x00-\x08]", "an ORC file", AS_CSV),
    (rb"Obj\x01", "an Avro file", AS_CSV),
    (rb"CDF[\x01\x02\x05]", "a NetCDF file", AS_CSV),
    (
        rb"\x80[\x02-\x05]|(?:\(dp0|\(lp0|c[\w.]+\n[\w.]+\np\d+\n)",
        "a Python pickle",
        AS_CSV,
    ),
    (rb"\x93NUMPY", "a NumPy array", "write it by numpy.savez(path, X=…, y=…), as format=npz"),
    (rb"RD[XA]\d\n[XA]\n|[XA]\n\x00\x00\x00[\x02\x03]", "an R data file", "write it by write.csv"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it, and give one table"),
    (rb"Rar!", "a RAR archive", "unpack it, and give one table"),
    (rb"\x89PNG", "a PNG image", "give a table"),
    (rb"\xff\xd8\xff", "a JPEG image", "give a table"),
    (rb"GIF8[79]a", "a GIF image", "give a table"),
    (rb"\{\\rtf", "a document in rich text", "export its table as CSV"),
)
"""What a file begins with, what it is, and what to do."""


def check_is_text(data: bytes) -> None:
    """Raise TableUnreadable for the bytes of a file that is known, and no CSV."""
    start = data[:START_BYTES].removeprefix(b"\xef\xbb\xbf")
    for pattern, thing, fix in SIGNATURES:
        if re.match(pattern, start):
            raise TableUnreadable(f"the file is {thing}", fix=fix)
