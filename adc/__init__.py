"""adc: Arabic dialect classification at scale on Apache Spark.

>>> from adc import clean
>>> clean("الجوّ حلوووو 😍 https://example.org/a")
'الجو حلوو 😍'
"""

from adc.classification import classify
from adc.cleaning.profiles import clean_text as clean
from adc.model.bundle import load_bundle

__all__ = ["classify", "clean", "load_bundle"]
