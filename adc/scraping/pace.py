"""How fast a scrape goes, and how that decides where waves and tasks are cut. Knows no Spark."""

from dataclasses import dataclass

from adc.scraping.gate import GateServer

STATUSES = ("found", "missing", "failed")
# How long before a wave's end the next one begins: it has to wait for a task to make room for it.
LEAD_SECONDS = 7.0
# How long a task should take, or how many requests it should send after one another where that takes longer:
# each of a commit's many small jobs waits for one to end, and what a worker that dies had done is done again;
# but while a task begins and ends fewer requests are under way than may be.
PART_SECONDS, REQUESTS_IN_A_ROW = 6.0, 4


@dataclass(frozen=True)
class Pace:
    """What follows from the gate's counts. at_once: ids under way. wave_seconds: what a wave should take."""

    gate: GateServer
    at_once: int
    wave_seconds: float

    def by_status(self) -> dict[str, int]:
        """Ids settled so far, by their outcome."""
        return {status: self.gate.counts.get(status, 0) for status in STATUSES}

    def settled(self) -> int:
        """Ids settled so far."""
        return sum(self.by_status().values())

    def rate(self) -> float:
        """Ids settled a second, since the first request."""
        return self.settled() / max(1.0, self.gate.seconds)

    def limited(self) -> bool:
        """Whether the API makes all requests wait, for longer than a wave should take."""
        return self.gate.paused > self.wave_seconds

    def parts(self, ids: int, slots: int) -> int:
        """How many tasks a wave of so many ids is cut into, for so many task slots."""
        each = max(PART_SECONDS * self.rate(), REQUESTS_IN_A_ROW * self.at_once)
        return max(2 * slots, int(slots * ids / each))

    def nearly_done(self, given: int) -> bool:
        """Whether so little is left of the ids handed out that the next wave is to begin.

        So that by the time Spark has started it no fewer requests are under way than may be.
        """
        return self.settled() >= max(1, given - max(self.at_once, LEAD_SECONDS * self.rate()))
