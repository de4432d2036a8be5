"""Character classes and shapes that the cleaning rules look for, in RE2's notation."""

# Letters of the Arabic script, without marks, digits and tatweel.
ARABIC_LETTER = (
    r"[\x{0620}-\x{063F}\x{0641}-\x{064A}\x{066E}\x{066F}\x{0671}-\x{06D3}\x{06D5}\x{06EE}\x{06EF}"
    r"\x{06FA}-\x{06FC}\x{0750}-\x{077F}]"
)
# Tashkeel with superscript alef, honorifics and Quranic marks.
TASHKEEL = (
    r"[\x{0610}-\x{061A}\x{064B}-\x{065F}\x{0670}\x{06D6}-\x{06DC}\x{06DF}-\x{06E4}\x{06E7}\x{06E8}"
    r"\x{06EA}-\x{06ED}]"
)
# Zero-width and direction marks, soft hyphen, byte order mark, controls; not those that shape emoji.
INVISIBLE = (
    r"[\x00-\x08\x0E-\x1F\x7F\x{0080}-\x{0084}\x{0086}-\x{009F}\x{00AD}\x{061C}\x{180E}\x{200B}\x{200C}"
    r"\x{200E}\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2064}\x{2066}-\x{206F}\x{FEFF}\x{FFF9}-\x{FFFB}]"
)
# The joiner, the keycap, variation selectors and tags: nothing to see but in an emoji. So 5️⃣ is 5.
EMOJI_SHAPERS = r"[\x{200D}\x{20E3}\x{FE00}-\x{FE0F}\x{E0020}-\x{E007F}]"
LINE_BREAKS = r"[\r\n\x0B\x0C\x{0085}\x{2028}\x{2029}]+"
WHITE_SPACE = r"[\s\x0B\x{0085}\pZ]+"

PICTURE = (
    r"[\x{00A9}\x{00AE}\x{203C}\x{2049}\x{2122}\x{2139}\x{2194}-\x{21AA}\x{231A}-\x{23FF}\x{25AA}-\x{27BF}"
    r"\x{2934}\x{2935}\x{2B05}-\x{2B55}\x{3030}\x{303D}\x{1F000}-\x{1F1E5}\x{1F200}-\x{1F3FA}"
    r"\x{1F400}-\x{1FAFF}]"
)
_MODIFIERS = r"[\x{FE0F}\x{1F3FB}-\x{1F3FF}\x{E0020}-\x{E007F}]*"
# Flags (two regional letters), and pictures joined into one (families, professions).
EMOJI_SEQUENCE = rf"[\x{{1F1E6}}-\x{{1F1FF}}]{{2}}|{PICTURE}{_MODIFIERS}(?:\x{{200D}}{PICTURE}{_MODIFIERS})*"

# What ends a link: white space and what cannot stand in one; Arabic text often follows without a space.
# A stretched httttp:// is one too: shortened as an elongation it would become one.
LINK = (
    r"(?i)(?:ht{2,}ps?://|www\.|(?:\b|_+)(?:pic\.twit{2,}er\.com|t\.co)/)"
    r"[^\s\x{0600}-\x{06FF}<>\"]*"
)
ADDRESS = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
HANDLE = r"@[A-Za-z0-9_]+"
TAG = r"(?i)</?(?:a|b|i|p|br|div|span|em|strong)\b[^<>]*>"
NUMBER = r"\pN+(?:[.,:/٫٬]\pN+)*"
# Without < and >, which markers have, and without © and ®, which are emoji.
PUNCTUATION = r"[!-/:-;=?@\[-`{-~¡-¨ª-¬¯-¿،؛؟٪-٭۔‐-‧‰-⁞]"
ARABIC_DIGITS = ("[٠۰]", "[١۱]", "[٢۲]", "[٣۳]", "[٤۴]", "[٥۵]", "[٦۶]", "[٧۷]", "[٨۸]", "[٩۹]")

# RE2 has no back-references, so the letters that may be repeated are spelled out.
# The last of the Arabic ones come from Persian, Kurdish and Maghrebi keyboards.
REPEATABLE = "ابتثجحخدذرزسشصضطظعغفقكلمنهويىةءؤئأإآٱگچڤپژڨڭکیےھہەۆۇۋێabcdefghijklmnopqrstuvwxyz"
ANY_ELONGATION = "(?i)" + "|".join(f"{letter}{{3,}}" for letter in REPEATABLE)
