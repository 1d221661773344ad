"""What a worker tells Prometheus."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from shared_lib.jobs._queue import KindState


class WorkerMetrics:
    """The metrics of one worker process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._done = Counter(
            "phasezero_jobs",
            "Attempts at jobs, by outcome",
            ["kind", "outcome"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "phasezero_job_seconds", "Duration of done jobs", ["kind"], registry=self.registry
        )
        self._waiting = self._gauge("phasezero_jobs_waiting", "Jobs that wait or run")
        self._failing = self._gauge("phasezero_jobs_failing", "Waiting jobs that failed before")
        self._held = self._gauge("phasezero_jobs_held", "Jobs that wait for a person")
        self._oldest = self._gauge("phasezero_jobs_oldest_seconds", "Age of the oldest waiting job")

    def done(self, kind: str, seconds: float) -> None:
        """A job was done."""
        self._done.labels(kind, "done").inc()
        self._seconds.labels(kind).observe(seconds)

    def failed(self, kind: str, *, last: bool) -> None:
        """An attempt failed; `last`: nobody will try again by himself."""
        self._done.labels(kind, "held" if last else "retried").inc()

    def show(self, states: Iterable[KindState]) -> None:
        """The queue as it is now."""
        for gauge in (self._waiting, self._failing, self._held, self._oldest):
            gauge.clear()
        for state in states:
            self._waiting.labels(state.kind).set(state.waiting)
            self._failing.labels(state.kind).set(state.failing)
            self._held.labels(state.kind).set(state.held)
            self._oldest.labels(state.kind).set(state.oldest_seconds)

    def serve(self, host: str, port: int) -> None:
        """Answer `GET /metrics` from a thread, until the process ends."""
        start_http_server(port, host, registry=self.registry)

    def _gauge(self, name: str, description: str) -> Gauge:
        return Gauge(name, description, ["kind"], registry=self.registry)
