"""Texts that are not in UTF-8, in scripts other than Latin and in Latin."""

from __future__ import annotations

import random

import pytest

from lowloss.tables.alphabets import guess_alphabet
from lowloss.tables.scripts import guess_script
from tests.unit.lowloss.tables.test_layouts import read

WORDS = {
    "cp1251": ["Москва", "Казань", "Екатеринбург"],
    "koi8-r": ["Москва", "Казань", "Екатеринбург"],
    "cp932": ["東京都", "大阪府", "北海道"],
    "euc_jp": ["東京都", "大阪府", "北海道"],
    "gb18030": ["北京", "上海", "广州"],
    "big5": ["台北", "高雄", "臺中"],
    "euc_kr": ["서울", "부산", "대구"],
    "cp1253": ["Αθήνα", "Πάτρα", "Λάρισα"],
    "cp1255": ["תל אביב", "חיפה", "ירושלים"],
    "cp1256": ["القاهرة", "دبي", "بغداد"],
    "cp874": ["กรุงเทพ", "เชียงใหม่", "ภูเก็ต"],
}
LATIN = {
    "Portuguese": ["São Paulo", "População", "Situação", "Região"],
    "German": ["München", "Köln", "Düsseldorf"],
    "French": ["créée", "Noël", "où"],
    "signs": ["25 °C", "½", "\u00d7"],
    "prices": ["pain\xa0€", "lait\xa0€"],
    "degrees": ["gel\xa0°C", "±µ", "½°"],
    "pounds": ["£", "££", "£££"],
    "quotes": ["»so…«", "——"],
}


def write(words: list[str]) -> str:
    chosen = random.Random(0).choices(words, k=40)
    rows = [f"{word},{number}\n" for number, word in enumerate(chosen)]
    return f"{words[0]},y\n" + "".join(rows)


@pytest.mark.parametrize("encoding", WORDS)
def test_encoding_of_another_script_is_guessed_and_told(encoding: str) -> None:
    text = write(WORDS[encoding])

    table = read(text.encode(encoding))

    assert table.frame.columns[0] == WORDS[encoding][0]
    assert table.frame[:, 0].to_list() == [line.split(",")[0] for line in text.splitlines()[1:]]
    assert [warning.code for warning in table.warnings] == ["encoding_guessed"]


@pytest.mark.parametrize(
    ("encoding", "town"),
    [("cp932", "東京支店"), ("shift_jis", "東京支店"), ("cp949", "서울 부산 대구")],
)
@pytest.mark.parametrize("is_told", [False, True])
def test_backslash_before_an_amount_is_the_currency_of_its_encoding(
    encoding: str, town: str, is_told: bool
) -> None:
    rows = "".join(f'"\\{1000 + row * 37:,}",{town},C:\\1\n' for row in range(30))

    options = {"encoding": encoding} if is_told else {}
    table = read(f"price,town,path\n{rows}".encode(encoding), **options)

    assert table.frame.row(2) == (1074, town, "C:\\1")


@pytest.mark.parametrize("language", LATIN)
def test_latin_text_stays_windows_1252(language: str) -> None:
    text = write(LATIN[language])

    table = read(text.encode("cp1252"))

    assert table.frame[:, 0].to_list() == [line.split(",")[0] for line in text.splitlines()[1:]]
    (warning,) = table.warnings
    assert "was read as cp1252, such as " in warning.detail


def test_few_words_of_chinese_are_not_taken_for_russian() -> None:
    text = "日期,成交量,成交额\n" + "".join(
        f"2024年{month}月5日,{month}.5万手,{month}亿元\n" for month in range(1, 13)
    )

    assert read(text.encode("gb18030")).frame.columns == ["日期", "成交量", "成交额"]


@pytest.mark.parametrize("encoding", ["big5", "gb18030", "cp932", "euc_kr"])
@pytest.mark.parametrize("shift", ["", "x", "xx"])
def test_encoding_of_a_large_file_is_guessed_wherever_its_sample_ends(
    encoding: str, shift: str
) -> None:
    words = WORDS[encoding]
    text = f"{shift},b,c,y\n" + "".join(
        f"{words[row % 3]},{''.join(words) * 3},{words[-1]},{row}\n" for row in range(3000)
    )

    assert guess_script(text.encode(encoding)) == {"euc_kr": "cp949"}.get(encoding, encoding)


def test_russian_amounts_are_not_taken_for_greek() -> None:
    towns = ["Санкт-Петербург", "Москва", "Казань", "Омск"]
    rows = [f"0{n % 9 + 1}.01.2024;{towns[n % 4]};{n * 713},25 рублей;\n" for n in range(60)]

    table = read(("Дата;Город;Сумма;Прим.\n" + "".join(rows)).encode("cp1251"))

    assert table.frame.columns[:2] == ["Дата", "Город"]
    assert guess_script("Πάτρας;Αθήνας;Λάρισας;πόλη;\n".encode("cp1253") * 20) == "cp1253"


@pytest.mark.parametrize("encoding", ["cp866", "iso8859-5", "cp1251", "koi8-r"])
def test_cyrillic_has_no_box_drawings_and_capitals_in_front(encoding: str) -> None:
    towns = ["Уфа", "Москва", "Казань", "Тверь"]
    rows = [f"0{n % 9 + 1}.01.2024;{n * 713},25;{towns[n % 4]}\n" for n in range(60)]

    table = read(("Дата;Сумма;Город\n" + "".join(rows)).encode(encoding))

    assert table.frame.columns == ["Дата", "Сумма", "Город"]
    assert table.frame["Город"][:4].to_list() == towns


@pytest.mark.parametrize(
    ("encoding", "header", "cells"),
    [
        ("cp1251", "Пол;Возраст", "ЖМ"),
        ("cp866", "Месяц;Доход", "12"),
        ("cp1253", "Έτος;Ποσό", "12"),
    ],
)
def test_few_words_of_another_alphabet_are_read(encoding: str, header: str, cells: str) -> None:
    text = header + "\n" + "".join(f"{cells[n % 2]};{n}\n" for n in range(60))

    assert read(text.encode(encoding)).frame.columns == header.split(";")


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("cp1253", "ΠΟΛΗ"), ("cp1251", "москва казань тула"), ("cp1252", "Œuvre Île")],
)
def test_words_without_capitals_in_front_change_no_guess(encoding: str, text: str) -> None:
    assert guess_alphabet(text.encode(encoding), None) is None
    assert guess_alphabet("Москва Казань".encode("cp1251"), "koi8_r") == "cp1251"
