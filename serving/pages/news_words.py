"""What is new since the batch before, in words, and since when not everybody was scored."""

from serving import formats
from serving.formats import Money
from spm_ml.predictions import Batch, News


def news_words(news: News | None, quota: int | None, money: Money, timezone: str) -> str:
    """What was recorded about a rep and what it did to the median; empty where nothing was."""
    if news is None:
        return ""
    told = f"Since {formats.moment(news.since, timezone)}: {formats.stored(news.text)}"
    if news.median is None or news.median_before is None:
        return f"{told}."
    moved = news.median - news.median_before
    size = (
        f"{formats.points(moved / quota)} points" if quota else f"{money.currency} {formats.signed(money.units(moved))}"
    )
    return f"{told}; P50 {size}."


def partly_words(batch: Batch) -> str:
    """Says that only some were scored; empty where everybody was."""
    if batch.scored_whole_at is None:
        return ""
    whole = formats.moment(batch.scored_whole_at, batch.timezone)
    return f" Those about whom anything was recorded since were scored anew; everybody was scored {whole}."
