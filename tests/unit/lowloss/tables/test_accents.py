"""Texts in Latin letters that are not in UTF-8 are read by the letters of their languages."""

from __future__ import annotations

import random

import pytest

from lowloss.tables.accents import AccentGuess, find_words, guess_accents
from tests.unit.lowloss.tables.test_layouts import read

TOWNS = {
    "Polish": "Łódź Kraków Wrocław Gdańsk Poznań "
    "Białystok Częstochowa Rzeszów Świętochłowice Żywiec",
    "Czech": "Plzeň Liberec Děčín Hradec Králové Ústí Jihlava Třebíč Příbram Kroměříž Žďár Břeclav",
    "Slovak": "Košice Žilina Prešov Trenčín Poprad "
    "Piešťany Topoľčany Nitra Bánovce Považská Ľubovňa",
    "Hungarian": "Győr Pécs Székesfehérvár Érd Kecskemét Nyíregyháza Hódmezővásárhely Szűcs Erdős",
    "Romanian": "Bucureşti Iaşi Constanţa Braşov Galaţi "
    "Târgovişte Piteşti Bacău Râmnicu Suceava Buzău",
    "Croatian": "Šibenik Čakovec Požega Varaždin Đakovo "
    "Križevci Ličko Međimurje Koprivničko Našice",
    "Turkish": "İstanbul Diyarbak\u0131r Eskişehir Muğla K\u0131r\u0131kkale "
    "Iğd\u0131r Şanl\u0131urfa Ayd\u0131n Ağr\u0131 Çank\u0131r\u0131 Elaz\u0131ğ",
    "Lithuanian": "Šiauliai Panevėžys Alytus Marijampolė Mažeikiai "
    "Jonava Utena Kėdainiai Telšiai Visaginas",
    "Latvian": "Šķēde Ķekava Ādaži Piņķi Vecāķi Ņukši Kuldīga Jūrmala Rēzekne Strenči Lielvārde Līči",
    "German": "München Köln Düsseldorf Nürnberg Saarbrücken Göttingen Würzburg Gießen Fürth Lübeck",
    "French": "Besançon Orléans Nîmes Béziers Évreux Châteauroux Mâcon Bègles Créteil Angoulême",
    "Spanish": "Málaga Córdoba Cádiz León Logroño Cáceres Almería Castellón Ávila Jaén Gijón",
    "Portuguese": "São Paulo Brasília Goiânia Belém "
    "Maceió Florianópolis Uberlândia Cuiabá Joinville Macapá",
    "Danish": "København Ærø Ålborg Sønderborg Hørsholm Næstved Køge Farsø Rødovre Grenå",
    "Swedish": "Malmö Västerås Örebro Linköping Jönköping "
    "Norrköping Umeå Gävle Borås Södertälje Växjö",
    "Icelandic": "Reykjavík Kópavogur Hafnarfjörður Akureyri "
    "Garðabær Mosfellsbær Árborg Ísafjörður",
}
ENCODINGS = {
    **dict.fromkeys(("Polish", "Czech", "Slovak", "Hungarian", "Romanian", "Croatian"), "cp1250"),
    "Turkish": "cp1254",
    "Lithuanian": "cp1257",
    "Latvian": "cp1257",
}
SURNAMES = {
    "German": "Jäger Müller Fürst Größe Björn",
    "French": "Genève Lefèvre Citroën Brûlé Lemaître Cœur Raphaël Thérèse",
    "Spanish": "Hernández Núñez Gómez Sánchez Muñoz Ibáñez Rosalía",
    "Catalan": "Fernàndez Gòtic Lluïsa Puigcercós",
    "Portuguese": "Gonçalves Simões Magalhães Guimarães Camões",
    "Nordic": "Jørgensen Sørensen Grønland Bjørn Skåne Håkansson Mäkinen Tromsø",
}


def write(language: str) -> str:
    towns = TOWNS[language].split()
    rows = [f"{town},{number}\n" for number, town in enumerate(towns * 3)]
    return "town,y\n" + "".join(rows)


@pytest.mark.parametrize("language", TOWNS)
@pytest.mark.parametrize("is_capital", [False, True])
def test_towns_are_read_by_the_letters_of_their_language(language: str, is_capital: bool) -> None:
    encoding = ENCODINGS.get(language, "cp1252")
    text = write(language)
    if is_capital:
        text = text.upper().replace("I\u0307", "İ").encode(encoding, "ignore").decode(encoding)

    table = read(text.encode(encoding))

    lines = text.splitlines()[1:]
    assert table.frame[:, 0].to_list() == [line.split(",")[0] for line in lines]
    (warning,) = [w for w in table.warnings if w.code == "encoding_guessed"]
    assert f"was read as {encoding}, " in warning.detail


@pytest.mark.parametrize("language", ["Polish", "Czech", "Slovak", "Hungarian", "Croatian"])
@pytest.mark.parametrize("encoding", ["iso8859-2", "cp852"])
def test_other_encodings_of_central_europe_are_told_apart(language: str, encoding: str) -> None:
    text = write(language)

    table = read(text.encode(encoding))

    lines = text.splitlines()[1:]
    assert table.frame[:, 0].to_list() == [line.split(",")[0] for line in lines]


@pytest.mark.parametrize("language", ["German", "French", "Swedish", "Portuguese"])
@pytest.mark.parametrize("encoding", ["cp850", "mac-roman"])
def test_files_of_old_systems_are_told(language: str, encoding: str) -> None:
    text = write(language)

    table = read(text.encode(encoding))

    lines = text.splitlines()[1:]
    assert table.frame[:, 0].to_list() == [line.split(",")[0] for line in lines]


@pytest.mark.parametrize(
    "text",
    [
        "don\u2019t,it\u2019s,O\u2019Brien—Müller,…so\n" * 5,
        "“quoted”,»so«,50 m³,Oslo¹,Rhône²,km²\n" * 5,
        "Müller,Núñez,Gonçalves,Sørensen,François,Björk,Łukasz".replace("Ł", "L") + "\n",
        "Škoda,Žilina,Novotný,Müller\n".replace("ý", "y"),
        "café,Zoë,naïve,fiancée\n",
        "São,Köln,Ærø,Àgora\n",
        "Jäger,Hernández,Genève\n",
        "Jørgensen,Müller,González,Genève,Brûlé\n",
        "Köln,Simões,González,Camões\n",
        "Hernández,Genève,Jørgensen,Citroën\n",
        "Hafnarfjörður,Ísafjörður,München\n",
        "Åsa,Göteborg,Màlaga,Cúneo,Lòreto,Gävle\n",
        "²³,m²,kg·m²,µg/m³,25°C\n",
        "Öztürk,Gülsen,Öztürk\n",  # the same in cp1254
        "Haÿ-les-Roses,Paris,Lyon\n",
        "»gut«,«bon»,„so“,“yes”,\u2039ok\u203a,«où»\n",
        "Company,Revenue £m,Profit £k,Price £ex,Price £inc\n",
        "mean±sd,±error,x\u00d7y,§12,§Abs,•Item\n",
        "Preis €,Länge µm,Fläche m²,T °C,Größe ±x\n",
        "¼tsp,½cup,¾tsp,Nº,1ª\n",
        "Nº,nº de venta,Mª,£each,£a\n",
    ],
)
def test_text_of_windows_1252_stays_so(text: str) -> None:
    assert guess_accents(text.encode("cp1252")).encoding == "cp1252"


@pytest.mark.parametrize(
    "signs", ["§" * 45, "±" * 45, "\u00d7" * 45, "£" * 45, "«««\u00d7" * 11, "¡¿" * 22]
)
def test_signs_before_one_word_outweigh_no_others(signs: str) -> None:
    odd = f"{signs}Nazwa".encode("cp1252")
    towns = " ".join(TOWNS["Polish"].split() * 20).encode("cp1250")
    germans = "\n".join("«««\u00d7" * 4 + town for town in TOWNS["German"].split()[:5])

    assert guess_accents(towns + b" " + odd) == AccentGuess("cp1250")
    assert guess_accents(germans.encode("cp1252")) == AccentGuess("cp1252")
    assert guess_accents(odd).encoding == "cp1252"


def test_polish_capital_that_is_a_pound_is_a_letter_before_a_vowel() -> None:
    assert guess_accents("Łukasz,Łódź\n".encode("cp1250")).encoding == "cp1250"


def test_one_letter_alone_is_told_with_its_other_reading() -> None:
    assert guess_accents("Price £average\n".encode("cp1252")) == AccentGuess("cp1252", "cp1250")


@pytest.mark.parametrize("letters", ["é", "§", "£"])
def test_long_run_of_letters_is_passed_once(letters: str) -> None:
    """Each letter beside each other one, of millions, would take hours."""
    run = letters.encode("cp1252") * 4_000_000

    assert find_words(run + b"\n" + run + b"A\n" + b"Caf\xe9\n") == [b"Caf\xe9"]


@pytest.mark.parametrize("seed", range(20))
def test_names_of_many_countries_stay_windows_1252(seed: int) -> None:
    rng = random.Random(seed)
    western = [language for language in TOWNS if language not in ENCODINGS]
    names = [rng.choice(TOWNS[rng.choice(western)].split()) for _ in range(30)]

    assert guess_accents("\n".join(names).encode("cp1252")).encoding == "cp1252"


def test_names_of_random_western_countries_never_leave_windows_1252() -> None:
    rng = random.Random(7)
    western = [language for language in TOWNS if language not in ENCODINGS]
    for _ in range(400):
        languages = rng.sample(western, rng.randint(2, 5))
        names = [
            rng.choice(TOWNS[rng.choice(languages)].split()) for _ in range(rng.randint(3, 15))
        ]
        surnames = " ".join(SURNAMES.values()).split()
        text = "\n".join([*names, *rng.sample(surnames, rng.randint(0, 6))])

        assert guess_accents(text.encode("cp1252")).encoding == "cp1252", text


@pytest.mark.parametrize("language", ENCODINGS)
def test_few_names_of_central_europe_are_read_by_their_language(language: str) -> None:
    rng = random.Random(11)
    names = TOWNS[language].split()
    encoding = ENCODINGS[language]
    draws = ["\n".join(rng.sample(names, 5)) for _ in range(50)]

    guesses = [guess_accents(draw.encode(encoding)) for draw in draws]

    wrong = [
        guess
        for guess, draw in zip(guesses, draws, strict=True)
        if draw.encode(encoding).decode(guess.encoding, "replace") != draw
    ]
    # Some draws have one name beyond ASCII, or none.
    assert len(wrong) <= 8
    assert all(guess.rival == encoding for guess in wrong)


PEOPLE = {
    "Polish": (
        "cp1250",
        "Wiśniewski Wójcik Kamiński Zieliński Szymański Woźniak Dąbrowski Kowalska",
    ),
    "Hungarian": ("cp1250", "Nagy Kovács Tóth Szabó Németh Szűcs Győri Erdős Hegedűs Szőke"),
    "Turkish": (
        "cp1254",
        "Y\u0131lmaz Çelik Şahin Y\u0131ld\u0131z Öztürk Doğan K\u0131l\u0131ç Iş\u0131k Erdoğan",
    ),
    "Czech": ("cp1250", "Novák Novotný Dvořák Černý Procházka Kučera Němec Růžička Beneš"),
    "Romanian": ("cp1250", "Ionescu Şerban Brăila Constanţa Călăraşi Mădălina Băsescu"),
    "Italian": ("cp1252", "Nicolò Forlì Cantù Calabrò Patanè Laganà qualità perché età"),
    "French": ("cp1252", "Hélène Gérard Noël Jérôme François Benoît Lefèvre Prévôt"),
    "Portuguese": ("cp1252", "João Conceição Gonçalves Magalhães Simões Araújo Maracanã"),
}


@pytest.mark.parametrize("language", PEOPLE)
def test_people_are_read_by_their_language(language: str) -> None:
    encoding, names = PEOPLE[language]

    assert guess_accents("\n".join(names.split()).encode(encoding)).encoding == encoding


def test_encoding_that_few_names_leave_open_is_told_with_both_readings() -> None:
    table = read("name,y\nTóth,1\nGyőri,2\nKovács,3\n".encode("cp1250"))

    (warning,) = table.warnings
    first, other = ("Győri", "Gyõri") if "cp1250," in warning.detail else ("Gyõri", "Győri")
    assert (warning.code, warning.count) == ("encoding_guessed", 3)
    assert f"in {first!r}: as cp125" in warning.detail
    assert f"in {other!r}, and few words tell which is right" in warning.detail
    assert "if 'Gy" in warning.fix
    encoding = warning.fix.split("encoding=")[1].split(" ")[0]
    assert read("name,y\nGyőri,2\n".encode("cp1250"), encoding=encoding).frame["name"][0] == other


@pytest.mark.parametrize(
    ("text", "encoding", "word"),
    [
        ("town,y\nMünchen,1\nKöln,2\n", "cp1252", "München"),
        ("temp,y\n25 °C,1\n7 °C,2\n", "cp1252", "°"),
        ("都市,y\n東京都,1\n大阪府,2\n北海道,3\n", "cp932", "都市"),
    ],
)
def test_encoding_that_is_clear_is_told_with_an_example(
    text: str, encoding: str, word: str
) -> None:
    (warning,) = [w for w in read(text.encode(encoding)).warnings if w.code == "encoding_guessed"]

    assert warning.detail.endswith(f"was read as {encoding}, such as {word!r}")
    assert "give encoding if letters look wrong" in warning.fix
