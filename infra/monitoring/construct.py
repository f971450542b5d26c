"""Who is called, when, and what they see."""

from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.buffer import Buffer
from infra.monitoring.dashboard import make_dashboard
from infra.monitoring.file_alarms import file_watches
from infra.monitoring.service_alarms import service_watches
from infra.monitoring.sources import Sources
from infra.monitoring.topic import AlarmTopic
from infra.monitoring.watches import make_alarms
from infra.settings import Settings
from infra.store import Store
from infra.worker import Worker
from ingest.feeds.feed import Feeds


class Monitoring(Construct):
    """The topic, the alarms that tell it, and the dashboard."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: Settings,
        feeds: Feeds,
        buffer: Buffer,
        store: Store,
        worker: Worker,
        key: kms.IKey | None,
    ) -> None:
        super().__init__(scope, id)
        sources = Sources(
            settings=settings,
            feeds=feeds,
            queue=buffer.queue,
            dead_letters=buffer.dead_letters,
            function=worker.function,
            log_group=worker.log_group,
            tables=store.tables,
            ledger=store.ledger,
        )
        self.topic = AlarmTopic(self, "Alarms", mail=settings.alarms.mail, key=key).topic
        watches = [*file_watches(sources), *service_watches(sources)]
        alarms = make_alarms(self, watches, stack_name=settings.name, topic=self.topic)
        self.dashboard = make_dashboard(self, "Dashboard", sources, alarms)
