"""How the tests' JVMs run, which live for seconds or minutes on few cores."""

# The second compiler costs more than it saves in such a time. Without it a JVM keeps 48 MB of compiled code,
# which Spark and Delta fill: to remove some of it, and compile it anew, took a quarter of its time.
LIGHT_JVM = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m -XX:+UseSerialGC"
