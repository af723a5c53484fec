"""The words of dates: takes off what stands around them, and puts their parts in order."""

from __future__ import annotations

import polars as pl

from lowloss.tables.clock_words import write_clocks
from lowloss.tables.eras import write_common_years

WEEKDAYS = (
    r"(?i:mon(?:day)?|tue(?:s(?:day)?)?|wed(?:nesday)?|thu(?:rs(?:day)?)?|fri(?:day)?"
    r"|sat(?:urday)?|sun(?:day)?|mo|di|mi|do|fr|sa|so|(?:mon|diens|donners|frei|sams|sonn)tag"
    r"|mittwoch|sonnabend|lun(?:di|es|edì)?|mar(?:di|tes|tedì)?|mer(?:credi|coledì)?"
    r"|mi[eé](?:rcoles)?|jeu(?:di)?|jue(?:ves)?|gio(?:vedì)?|ven(?:dredi|erdì)?|vie(?:rnes)?"
    r"|sam(?:edi)?|s[aá]b(?:ado|ato)?|dim(?:anche)?|dom(?:ingo|enica)?|seg(?:unda)?|ter(?:ça)?"
    r"|qua(?:rta)?|qui(?:nta)?|sex(?:ta)?|ma|wo|vr|za|zo|(?:maan|dins|woens|donder|vrij|zater|zon)dag)"
)
EASTERN_WEEKDAY = (
    r"^(.*\d.*?)[ ,]*(?:[(\x{ff08}]\s?(?:[月火水木金土日월화수목금토일一二三四五六]|星期.|[周週].)"
    r"(?:曜日?|요일)?(?:[・･]?祝)?\s?[)\x{ff09}]|[月火水木金土日]曜日?|[월화수목금토일]요일"
    r"|(?:星期|[周週]|[礼禮]拜)[一二三四五六日天]),?\s*"
)
"""A date in Japanese, Chinese or Korean up to the end of its weekday: `2024/03/05(火)`."""
CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?"
YEAR = r"(?:19|20)\d{2}"
ZONES = {
    name: offset
    for offset, names in {
        "-08:00": "PST",
        "-07:00": "PDT MST",
        "-06:00": "CST MDT",
        "-05:00": "EST CDT",
        "-04:00": "EDT",
        "+00:00": "WET",
        "+01:00": "CET MEZ BST WEST",
        "+02:00": "CEST MESZ EET",
        "+03:00": "EEST MSK",
        "+09:00": "JST KST",
        "+10:00": "AEST",
        "+11:00": "AEDT",
    }.items()
    for name in names.split()
}
"""Zones by the names that programs write behind a time."""
MONTHS = {
    word: number
    for number, words in enumerate(
        (
            "jan january januar janvier janv enero ene januari gennaio gen janeiro stycznia ledna"
            " ocak января янв",
            "feb february februar février févr fevr febrero febr februari febbraio fevereiro fev"
            " lutego února şubat февраля фев",
            "mar march märz mär mrz mars marzo maart mrt março marts marca března mart марта мар",
            "apr april avril avr abril abr aprile kwietnia dubna nisan апреля апр",
            "may mai mayo mei maggio mag maio maj maja května may\u0131s мая май",
            "jun june juni juin junio giugno giu junho czerwca června haziran июня июн",
            "jul july juli juillet juil julio luglio lug julho lipca července temmuz июля июл",
            "aug august août aout agosto ago augustus augusti sierpnia srpna ağustos августа авг",
            "sep sept september septembre septiembre settembre set setembro września září eylül"
            " сентября сен",
            "oct october oktober okt octobre octubre ottobre ott outubro out października října"
            " ekim октября окт",
            "nov november novembre noviembre novembro listopada listopadu kas\u0131m ноября ноя",
            "dec december dezember dez décembre déc diciembre dic dicembre dezembro desember des"
            " grudnia prosince aral\u0131k декабря дек",
        ),
        start=1,
    )
    for word in words.split()
}
"""The number of each month by its names: in English, German, French, Spanish, Italian, Portuguese,
Dutch, the Nordic languages, Polish, Czech, Turkish, Russian."""
REPLACEMENTS = (
    (r"\s{2,}", " "),
    (rf"^{WEEKDAYS}(?:-feira)?\.?,?\s+(\S.*)$", "$1"),
    (rf"^(.*\d),?\s+\(?{WEEKDAYS}\.?\)?$", "$1"),
    (rf"^(.*\d),?\s+\({WEEKDAYS}\.?\),?\s+(\d.*)$", "$1 $2"),
    (r"\[[A-Z]\w+/[\w/]+\]$", ""),
    # What `date` and C print: Apr 17 08:30:00 CEST 2024.
    (
        rf"^(\pL{{3}}) (\d{{1,2}}) ({CLOCK})( [A-Z]{{3,4}}| [+-]\d{{4}})? (\d{{4}})$",
        "$1 $2 $5 $3$4",
    ),
    (r"^(.*\d),? (?:at|um|kl\.?|klo|à|a las) (\d.*)$", "$1 $2"),
    (r"^(.*\d)\s?\x{433}\.?$", "$1"),
    (r"\b([AaPp])\.?\s?([Mm])\.?$", "${1}m"),
    (rf"(?:上午|午前|오전)\s?({CLOCK})$", "$1 am"),
    (rf"(?:下午|午後|오후)\s?({CLOCK})$", "$1 pm"),
    (rf"^({YEAR}\.\s?\d{{1,2}}\.\s?\d{{1,2}})\.", "$1"),
    # The time in front of the date.
    (rf"^({CLOCK}(?: ?[AaPp]m)?),? ([^:]{{6,}})$", "$2 $1"),
    # Milliseconds behind a colon; Exif; DB2; Oracle.
    (r"(:\d{2}):(\d{3})$", "$1.$2"),
    (rf"^({YEAR}):(\d{{2}}):(\d{{2}}) (\d)", "$1-$2-$3 $4"),
    (rf"^({YEAR}-\d\d-\d\d)-(\d\d)\.(\d\d)\.(\d\d)(\.\d{{1,9}})?$", "$1 $2:$3:$4$5"),
    (r"^(\d{1,2}-\pL{3}-\d{2,4}) (\d\d)\.(\d\d)\.(\d\d)(\.\d{1,9})?( .*)?$", "$1 $2:$3:$4$5$6"),
    # Without marks: 20240417T083000, 20240417083000, 2024041708.
    (
        rf"^({YEAR})(\d\d)(\d\d)[T ]?(\d\d):?(\d\d):?(\d\d)((?:[.,]\d+)?[Z+-]?.*)$",
        "$1-$2-$3 $4:$5:$6$7",
    ),
    (rf"^({YEAR})(\d\d)(\d\d)[T ]?(\d\d):?(\d\d)(Z|[+-].*)?$", "$1-$2-$3 $4:$5$6"),
    (rf"^({YEAR})(\d\d)(\d\d)[T ]?(\d\d)(Z)?$", "$1-$2-$3 $4:00$5"),
    # Months, quarters and halves of years.
    (rf"^({YEAR})(?:-?[Mm]|MM)(\d{{1,2}})$", "$1-$2"),
    (rf"^([1-4])\. ?(?:Quartal|Quarter|trimestre|kwartał|kvartal) ({YEAR})$", "Q$1 $2"),
    (rf"^(?:Quarter|Quartal|T) ?([1-4]),?[ -]({YEAR})$", "Q$1 $2"),
    (rf"^({YEAR})[ -]?(?:Quarter|Quartal|T) ?([1-4])$", "Q$2 $1"),
    (r"^Q([1-4]) ?['\x{2019}](\d{2})$", "Q$1 20$2"),
    (rf"^({YEAR})[- ]?[HS]1$|^[HS]1[- ]({YEAR})$", "$1$2-01"),
    (rf"^({YEAR})[- ]?[HS]2$|^[HS]2[- ]({YEAR})$", "$1$2-07"),
)
"""What is replaced by what, one after the other; a text that is no date may become another one."""


def tidy_dates(text: pl.Series, *, are_dates: bool = False) -> pl.Series:
    """Write dates as the patterns of `dates` have them; where all `are_dates`, `R6` is an era."""
    text = text.str.replace(r"^\[(.*)\]$", "$1").str.replace(EASTERN_WEEKDAY, "$1 ")
    text = write_clocks(text.str.strip_chars_end())
    text = write_common_years(text, are_dates=are_dates)
    for pattern, replacement in REPLACEMENTS:
        text = text.str.replace(pattern, replacement)
    zones = "|".join(ZONES)
    zone = text.str.extract(rf"\d ({zones})$")
    if zone.null_count() == len(zone):
        return text
    bare = text.str.replace(rf"(\d) (?:{zones})$", "$1")
    offsets = zone.replace_strict(ZONES, default="", return_dtype=pl.String).fill_null("")
    return (bare + offsets).alias(text.name)
