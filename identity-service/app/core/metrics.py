"""What identity's worker tells Prometheus beyond its jobs."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["RevocationMetrics"]

_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0)


class RevocationMetrics:
    """How soon the core refuses whoever lost access."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "phasezero_revocation_seconds",
            "Seconds from a revocation in identity to its refusal in the core",
            buckets=_BUCKETS,
            registry=registry,
        )
        self._probes = Counter(
            "phasezero_revocation_probes",
            "Measurements of that, by outcome: refused, timeout, unreachable",
            ["outcome"],
            registry=registry,
        )
        self._exceeded = Gauge(
            "phasezero_revocation_exceeded_seconds",
            "Seconds by which the bound on revocation is exceeded",
            registry=registry,
        )

    def probed(self, outcome: str, seconds: float | None = None) -> None:
        """A measurement ended so; `seconds` where there was anything to measure."""
        self._probes.labels(outcome).inc()
        if seconds is not None:
            self._seconds.observe(seconds)

    def exceeded(self, seconds: float) -> None:
        """The bound is exceeded by so much; 0 where it holds."""
        self._exceeded.set(seconds)
