"""Character classes and shapes that the cleaning rules look for, in RE2's notation."""

import re
from unicodedata import normalize

# Letters of the Arabic script, without marks, digits and tatweel.
ARABIC_LETTER = (
    r"[\x{0620}-\x{063F}\x{0641}-\x{064A}\x{066E}\x{066F}\x{0671}-\x{06D3}\x{06D5}\x{06EE}\x{06EF}"
    r"\x{06FA}-\x{06FC}\x{0750}-\x{077F}]"
)
# Tashkeel with superscript alef, honorifics and Quranic marks.
TASHKEEL = (
    r"[\x{0610}-\x{061A}\x{064B}-\x{065F}\x{0670}\x{06D6}-\x{06DD}\x{06DF}-\x{06E8}\x{06EA}-\x{06ED}"
    r"\x{08CA}-\x{08FF}]"
)
# Zero-width and direction marks, soft hyphen, byte order mark, controls; not those that shape emoji.
INVISIBLE = (
    r"[\x00-\x08\x0E-\x1F\x7F\x{0080}-\x{0084}\x{0086}-\x{009F}\x{00AD}\x{061C}\x{180E}\x{200B}\x{200C}"
    r"\x{200E}\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2064}\x{2066}-\x{206F}\x{FEFF}\x{FFF9}-\x{FFFB}]"
)
# The joiner, the keycap, variation selectors and tags: nothing to see but in an emoji. So 5️⃣ is 5.
EMOJI_SHAPERS = r"[\x{200D}\x{20E3}\x{FE00}-\x{FE0F}\x{E0020}-\x{E007F}]"
LINE_BREAKS = r"[\r\n\x0B\x0C\x{0085}\x{2028}\x{2029}]+"
_ANY_SPACE = r"[\s\x0B\x{0085}\pZ]"
# All white space but single spaces, which are most of it and need no change: four times as fast.
SURPLUS_SPACE = (
    rf" {_ANY_SPACE}+|[\t\n\x0B\f\r\x{{0085}}\x{{00A0}}\x{{1680}}\x{{2000}}-\x{{200A}}"
    rf"\x{{2028}}\x{{2029}}\x{{202F}}\x{{205F}}\x{{3000}}]{_ANY_SPACE}*"
)

PICTURE = (
    r"[\x{00A9}\x{00AE}\x{203C}\x{2049}\x{2122}\x{2139}\x{2194}-\x{21AA}\x{231A}-\x{23FF}\x{25AA}-\x{27BF}"
    r"\x{24C2}\x{3297}\x{3299}\x{2934}\x{2935}\x{2B05}-\x{2B55}\x{3030}\x{303D}\x{1F000}-\x{1F1E5}\x{1F200}-\x{1F3FA}"
    r"\x{1F400}-\x{1FAFF}]"
)
_MODIFIERS = r"[\x{FE0F}\x{1F3FB}-\x{1F3FF}\x{E0020}-\x{E007F}]*"
# Flags (two regional letters), and pictures joined into one (families, professions).
EMOJI_SEQUENCE = rf"[\x{{1F1E6}}-\x{{1F1FF}}]{{2}}|{PICTURE}{_MODIFIERS}(?:\x{{200D}}{PICTURE}{_MODIFIERS})*"

# One of them that does not follow a picture or its modifiers, or joins no picture; as few texts have.
STRAY_SHAPER = (
    rf"[\x{{20E3}}\x{{FE00}}-\x{{FE0E}}]|\x{{200D}}(?:$|[^{PICTURE[1:-1]}])"
    rf"|(?:^|[^{PICTURE[1:-1]}{_MODIFIERS[1:-2]}])[\x{{200D}}{_MODIFIERS[1:-2]}]"
)

# NFKC leaves a text of these alone: ASCII, Arabic letters, vowel marks (but for the order of several on one
# letter, which nobody sees), digits and punctuation, most emoji.
NOT_PLAIN = (
    r"[^\x00-\x7F\x{060C}\x{061B}\x{061F}\x{0621}-\x{063A}\x{0640}-\x{0652}\x{0660}-\x{0669}"
    r"\x{06F0}-\x{06F9}\x{200B}-\x{200F}\x{2018}-\x{201D}\x{2600}-\x{27BF}\x{FE0F}"
    r"\x{1F1E6}-\x{1F1FF}\x{1F300}-\x{1FAFF}]"
)
# NFKC would make letters of these emoji (™ is TM to it), and a space and a mark of these accents.
NOT_NFKC = (
    r"[\x{00A8}\x{00AF}\x{00B4}\x{00B8}\x{02D8}-\x{02DD}\x{2122}\x{2139}\x{24C2}"
    r"\x{3297}\x{3299}\x{1F100}-\x{1F1E5}\x{1F200}-\x{1F2FF}]"
)
# It also puts a space before a mark that stands alone, and none between 3 and ½; it writes ﷼ with a Persian
# letter, and leaves the basmala as one sign.
WRITTEN_OUT = (
    {
        code: normalize("NFKC", chr(code)).strip()
        for code in [*range(0xFC5E, 0xFC64), *range(0xFE70, 0xFE80)]
        if chr(code).isprintable()
    }
    | {code: " " + normalize("NFKC", chr(code)) for code in [*range(0xBC, 0xBF), *range(0x2150, 0x215F)]}
    | {0xFDFC: "ريال", 0xFDFD: "بسم الله الرحمن الرحيم"}
)
# What is a mark to NFKC but not to the tables by which marks are sorted, or several.
MARKS_WRITTEN_OUT = WRITTEN_OUT | {
    code: normalize("NFKD", chr(code)) for code in (0x344, 0xF73, 0xF75, 0xF81, 0xFF9E, 0xFF9F)
}
NFKC_SURPRISE = (
    NOT_NFKC[:-1] + r"\x{00BC}-\x{00BE}\x{2150}-\x{215E}\x{FC5E}-\x{FC63}\x{FE70}-\x{FE7F}\x{FDFC}\x{FDFD}]"
)

# Marks that may stand on a letter, and more: classes of marks alone would make a slower pattern.
MAYBE_MARKS = r"[^\x00-\x7F\x{0621}-\x{064A}]"
# So many of them in a row NFKC takes long over.
MANY_MARKS = 1000

# Where a rule looks beyond a word: for tags, or what may become one; at line breaks that are no white space
# to RE2; for what NFKC is kept from.
BEYOND_A_WORD = rf"[&<\x{{0085}}\x{{2028}}\x{{2029}}]|{NFKC_SURPRISE}"
# For RT, or what becomes it: an @ before any Arabic letter, but not at once.
RETWEET = r"^[^@\x{FE6B}\x{FF20}\x{0621}-\x{063A}\x{0641}-\x{064A}]+[@\x{FE6B}\x{FF20}]"

# What ends a link: white space and what cannot stand in one; Arabic text, emoji and closing quotes often
# follow without a space, and a sentence's own marks are none of it. A stretched httttp:// is one too:
# shortened as an elongation it would become one. Without a scheme it takes a domain and a path.
_NO_LINK = rf"\s\x{{0600}}-\x{{06FF}}{PICTURE[1:-1]}\x{{1F1E6}}-\x{{1F1FF}}<>\"»”"
LINK = (
    r"(?i)(?:ht{2,}ps?://|(?:\b|_+)(?:www\.[a-z0-9]|(?:[a-z0-9-]+\.)+[a-z]{2,}/))"
    rf"(?:[^{_NO_LINK}]*[^{_NO_LINK}.,:;!?)\]}}'])?"
)
ADDRESS = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
HANDLE = r"@[A-Za-z0-9_]+"
TAG = r"(?i)</?(?:a|b|i|p|br|div|span|em|strong)(?:\s+[a-z-]+=[^<>]*|\s*/)?>"
# Not the digits of a word: 3, 7 and 9 are letters to who writes Arabic in Latin script (3alaikom).
NUMBER = r"\b[0-9]+(?:[.,:/٫٬⁄][0-9]+)*\b|[^\PN0-9]+(?:[.,:/٫٬⁄]\pN+)*"
# Without < and >, which markers have, and without © and ®, which are emoji.
PUNCTUATION = r"[!-/:-;=?@\[-`{-~¡-¨ª-¬¯-¿،؛؟٪-٭۔‐-‧‰-⁞、-〃〈-】﴾﴿]"
# What others' cleaning left of such things: NADI's and BERTweet's words, AraBERT's in brackets. In capitals
# only: a user is also a word. Of a hashtag nothing is known.
PLACEHOLDERS = {
    "link": r"\b(?:HTTP)?URL\b|\[رابط\]",
    "handle": r"\bUSER\b|\[مستخدم\]",
    "e-mail address": r"\[بريد\]",
    "line break": r"\bNEWLINE\b",
    "hashtag": r"\bHASHTAG\b",
}
HASHTAG = r"#[\pL\pM\pN_]+"
# Western ones, and (: as it comes out where text runs from right to left. Not ): which ends a remark.
EMOTICON = (
    r"[:;=]['’^-]?(?:[)\]*|\\]+|[(\[]+|(?:D+|P+|p+|O|o)\b)|\(['’-]?[:;=]|<3+|\^[_.]*\^|-_+-"
    r"|\bT_+T\b|\b[xX]D+\b"
)
# ههههه, هاهاها, خخخخ, hahaha, hhhh, jaja, lool: standing alone; the end of اللههههه is no laughter.
LAUGHTER = (
    r"ه{3,}|(?:ها){2,}[هي]*|(?:اه){2,}ا*|خ{3,}|(?i:h{3,}|(?:h[aei]){2,}h*|(?:j[ae]){2,}|l+o+l+(?:o+l+)*)"
)
# Letters that Persian, Urdu and Kurdish need and no Arabic dialect does; not گ چ پ ڤ ژ, which some do.
FOREIGN_LETTER = r"[کیېےۍہھەۀۂۃۆۇۈۅٹڈڑںڕڵێټډړږښڼ]"
# Those of them that neither decorate Arabic nor are on a Persian keyboard in a common letter's place.
FOREIGN_ALONE = "[ٹڈڑںەڕڵێ]"
# Small words of those languages: Persian and Urdu, Sorani.
FOREIGN_WORD = r"_(?:می|است|که|این|برای|را|های|به|از|ہے|ہیں|کے|کا|کی|کو|میں|اور|لە|بە|کە|ئەم|دە)_"
# Arabic's own: teh marbuta, and the article at a word's beginning.
ARABIC_WORD = rf"_[وفبكل]?[اٱآأ]ل{ARABIC_LETTER}{{2}}|_لل{ARABIC_LETTER}{{2}}|ة"
# Letters of other keyboards that look like Arabic ones, or decorate them.
KEYBOARD_LETTERS = {"ك": "کڪګ", "ي": "یېےۍ", "ه": "ہھەۀۂ", "ة": "ۃ", "و": "ۆۇۈۅ"}
# Letters for sounds that standard Arabic lacks; they carry dialect: گ چ in Iraq, ڨ ڭ in the Maghreb.
LOAN_LETTERS = {"ك": "گڭݣ", "ج": "چ", "ب": "پ", "ف": "ڤڥ", "ق": "ڨڧ", "ز": "ژ"}
ARABIC_DIGITS = ("٠۰", "١۱", "٢۲", "٣۳", "٤۴", "٥۵", "٦۶", "٧۷", "٨۸", "٩۹")

# Letters that may be stretched. The last of the Arabic ones are Persian, Kurdish and Maghrebi.
REPEATABLE = "ابتثجحخدذرزسشصضطظعغفقكلمنهويىةءؤئأإآٱگچڤپژڨڭݣڪکیےھہەۆۇۋێabcdefghijklmnopqrstuvwxyzàçèéêô"


def in_python(pattern: str) -> str:
    """A pattern with RE2's notation of code points, for `re`."""
    return re.sub(r"\\x\{(\w+)\}", lambda code: chr(int(code[1], 16)), pattern)
