"""Cleaning of Arabic text: rules over Arrow columns, profiles that switch them, and the clean stage."""

from adc.cleaning.profiles import Profile, clean_array, clean_text, load_profile

__all__ = ["Profile", "clean_array", "clean_text", "load_profile"]
