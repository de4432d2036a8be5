"""The dialect taxonomy: 18 countries in four regions and two countries that stand alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Dialect:
    """One country's dialect: ISO 3166 code (but PL for Palestine), region, name in English and Arabic."""

    code: str
    region: str
    english: str
    arabic: str


@dataclass(frozen=True)
class Taxonomy:
    """A label set, in the order in which reports list it: by region, then by code."""

    dialects: tuple[Dialect, ...]

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """The labels, in report order."""
        return tuple(dialect.code for dialect in self.dialects)

    @cached_property
    def regions(self) -> tuple[str, ...]:
        """The regions, in report order."""
        return tuple(dict.fromkeys(dialect.region for dialect in self.dialects))

    @cached_property
    def region_of(self) -> dict[str, str]:
        """Region by label."""
        return {dialect.code: dialect.region for dialect in self.dialects}

    def restricted_to(self, codes: Sequence[str]) -> "Taxonomy":
        """The part of the taxonomy that these labels name, in report order.

        A label the taxonomy lacks stands as a region of its own, last, under its own name.
        """
        known = tuple(dialect for dialect in self.dialects if dialect.code in codes)
        unknown = sorted(set(codes) - set(self.codes))
        return Taxonomy(known + tuple(Dialect(code, code, code, code) for code in unknown))


DIALECTS = Taxonomy(
    (
        Dialect("AE", "Gulf", "Emirati", "إماراتية"),
        Dialect("BH", "Gulf", "Bahraini", "بحرينية"),
        Dialect("KW", "Gulf", "Kuwaiti", "كويتية"),
        Dialect("OM", "Gulf", "Omani", "عُمانية"),
        Dialect("QA", "Gulf", "Qatari", "قطرية"),
        Dialect("SA", "Gulf", "Saudi", "سعودية"),
        Dialect("IQ", "Iraq", "Iraqi", "عراقية"),
        Dialect("JO", "Levant", "Jordanian", "أردنية"),
        Dialect("LB", "Levant", "Lebanese", "لبنانية"),
        Dialect("PL", "Levant", "Palestinian", "فلسطينية"),
        Dialect("SY", "Levant", "Syrian", "سورية"),
        Dialect("EG", "Nile", "Egyptian", "مصرية"),
        Dialect("SD", "Nile", "Sudanese", "سودانية"),
        Dialect("DZ", "Maghreb", "Algerian", "جزائرية"),
        Dialect("LY", "Maghreb", "Libyan", "ليبية"),
        Dialect("MA", "Maghreb", "Moroccan", "مغربية"),
        Dialect("TN", "Maghreb", "Tunisian", "تونسية"),
        Dialect("YE", "Yemen", "Yemeni", "يمنية"),
    )
)
