from adc.dialects import DIALECTS, Dialect, Taxonomy

REGIONS = {
    "Gulf": ("AE", "BH", "KW", "OM", "QA", "SA"),
    "Iraq": ("IQ",),
    "Levant": ("JO", "LB", "PL", "SY"),
    "Nile": ("EG", "SD"),
    "Maghreb": ("DZ", "LY", "MA", "TN"),
    "Yemen": ("YE",),
}


def test_18_countries_in_report_order():
    assert DIALECTS.regions == tuple(REGIONS)
    assert DIALECTS.codes == tuple(code for codes in REGIONS.values() for code in codes)
    assert DIALECTS.region_of == {code: region for region, codes in REGIONS.items() for code in codes}


def test_every_dialect_has_names_of_its_own_in_both_scripts():
    assert len({dialect.english for dialect in DIALECTS.dialects}) == 18
    assert len({dialect.arabic for dialect in DIALECTS.dialects}) == 18
    assert all(dialect.english.isascii() and not dialect.arabic.isascii() for dialect in DIALECTS.dialects)


def test_a_part_of_the_taxonomy_keeps_its_order():
    part = DIALECTS.restricted_to(["YE", "MA", "EG", "MA", "SA"])
    assert (part.codes, part.regions) == (("SA", "EG", "MA", "YE"), ("Gulf", "Nile", "Maghreb", "Yemen"))


def test_labels_of_a_users_own_come_last_each_a_region():
    part = DIALECTS.restricted_to(["msa", "LB", "KSA"])
    assert part.codes == ("LB", "KSA", "msa")
    assert part.region_of == {"LB": "Levant", "KSA": "KSA", "msa": "msa"}
    assert part.dialects[-1] == Dialect("msa", "msa", "msa", "msa")


def test_no_labels_make_an_empty_taxonomy():
    assert DIALECTS.restricted_to([]) == Taxonomy(())
    assert Taxonomy(()).regions == ()
