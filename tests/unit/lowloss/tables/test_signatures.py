"""Files that are no tables are named for what they are."""

from __future__ import annotations

import gzip
import pickle
from datetime import date

import pytest

from lowloss.errors import TableUnreadable
from tests.unit.lowloss.tables.test_layouts import read, zipped


@pytest.mark.parametrize(
    ("data", "thing"),
    [
        (b"<!DOCTYPE html>\n<p>Sign in</p>", "HTML page"),
        (b"\xef\xbb\xbf \n<html><table>", "HTML page"),
        (b"%PDF-1.7\n", "PDF document"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "pointer of Git LFS"),
        (b"/annex/objects/SHA256E-s1--2.csv\n", "pointer of git-annex"),
        (b'{"a": 1}\n{"a": 2}\n', "JSON"),
        (b'[{"a": 1}]', "JSON"),
        (b"<?xml version='1.0'?><a/>", "XML"),
        (b"<rows>\n  <row id='1'><a>1</a></row>\n</rows>", "XML"),
        (b"-- MySQL dump 10.13\n\n/*!40101 SET NAMES utf8 */;\nDROP TABLE IF EXISTS `t`;", "SQL"),
        (b"INSERT INTO t VALUES (1, 'a'), (2, 'b');\n", "SQL"),
        (b"create table t (a int, b text);\n", "SQL"),
        (b"- a: 1\n  b: 2\n- a: 3\n  b: 4\n", "YAML"),
        (b"---\n- a: 1\n  b: 2\n", "YAML"),
        (b"% by x\n\\begin{tabular}{ll}\na & b \\\\\n", "LaTeX"),
        (b"\x03\x7c\x04\x11\x20\0\0\0", "dBASE"),
        (b"PAR1....", "Parquet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel workbook"),
        (zipped("a.csv", "b.csv"), "archive of 2 files"),
        (zipped("[Content_Types].xml", "xl/workbook.xml"), "spreadsheet"),
        (zipped("X.npy", "y.npy"), "NPZ"),
        (b"\0" * 257 + b"ustar" + b"\0" * 300, "tar archive"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-6], "damaged"),
        (zipped("a.csv")[:-30], "damaged"),
        (b"SQLite format 3\0", "SQLite"),
        (b"% about\n% it\n@RELATION iris\n\n@attribute x numeric\n@data\n1\n", "ARFF"),
        (b"+1 1:0.5 7:1\n-1 3:-2e-3 # a note\n", "LIBSVM"),
        (b"5 " + b" ".join(b"%d:12.5" % i for i in range(1, 900)), "LIBSVM"),
        (b"2 qid:1 1:3 2:0\n1 qid:1 1:2 2:0\n", "LIBSVM"),
        (b"outs:\n- md5: 0123\n  path: a.csv\n", "DVC"),
        (pickle.dumps({"a": [1, 2]}, protocol=0), "pickle"),
        (pickle.dumps([{"a": 1}], protocol=2), "pickle"),
        (pickle.dumps(date(2026, 1, 1), protocol=0), "pickle"),
        (pickle.dumps({"a": 1}, protocol=5), "pickle"),
        (b"MATLAB 5.0 MAT-file, Platform: GLNXA64", "MATLAB"),
        (b"<stata_dta><header>", "Stata"),
        (b"\x72\x02\x01\x00\x05\x00", "Stata"),
        (b"$FL2@(#) SPSS DATA FILE", "SPSS"),
        (b"\0" * 12 + b"\xc2\xea\x81\x60\xb3\x14", "SAS"),
        (gzip.compress(b"X\n\0\0\0\x03\0\x04", mtime=0), "R data file"),
        (b"RDX3\nX\n\0", "R data file"),
        (zipped("[Content_Types].xml", "word/document.xml"), "document"),
    ],
)
def test_what_is_no_table_is_named(data: bytes, thing: str) -> None:
    with pytest.raises(TableUnreadable, match=thing) as refused:
        read(data)

    assert refused.value.fix


@pytest.mark.parametrize(
    "header",
    [
        "ORCHARD",
        "outs",
        "RDX2",
        "GIF8",
        "md5",
        "(lp",
        "@relations",
        "copy_reg",
        "1 1",
        "<b>",
        "- a: b",
        "sets",
    ],
)
def test_names_like_the_marks_of_other_files_are_read(header: str) -> None:
    table = read(f"{header},b\n1,2\n3,4\n")

    assert table.frame.columns == [header, "b"]


def test_times_behind_numbers_are_no_libsvm() -> None:
    assert read("1 10:30\n2 10:45\n3 11:00\n").frame.height > 0


def test_comments_without_sql_are_looked_at_once() -> None:
    assert read("/**/" * 500 + ",x\n1,2\n3,4\n").frame.height == 2
