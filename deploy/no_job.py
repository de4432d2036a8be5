"""Does nothing: given to spark-submit when only its --packages resolver is wanted."""
