"""What the bodies of queue messages ask for. The events are in tests/events/, as AWS sends them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import UnknownMessage
from ingest.file import FileVersion
from ingest.queue.messages import NewFiles, Restored, Several, TestEvent, read_message

EVENTS = Path(__file__).parent.parent / "events"
PUT = FileVersion(
    bucket="landing-example",
    key="orders/2026/11/22.csv",
    etag="5d41402abc4b2a76b9719d911017c592",
    sequencer="0066F2A1B3C4D5E6F7",
    size_bytes=53112,
    event_time="2026-11-22T10:11:12.345Z",
)


def body(name: str) -> str:
    return (EVENTS / f"{name}.json").read_text(encoding="utf-8")


def files(text: str) -> tuple[FileVersion, ...]:
    notification = read_message(text)
    assert isinstance(notification, NewFiles)
    return notification.files


def test_a_put_is_a_new_file() -> None:
    assert files(body("s3_put")) == (PUT,)


def test_a_finished_multipart_upload_is_a_new_file_with_its_version() -> None:
    (file,) = files(body("s3_multipart_versioned"))
    assert file.version_id == "096fKKXTRTtl3on89fVO.nfljtsv6qko"
    assert file.etag == "d41d8cd98f00b204e9800998ecf8427e-6400"
    assert file.size_bytes == 50 * 1024**3
    assert file.url == "s3://landing-example/orders/big.csv"


def test_several_records_are_a_message_each() -> None:
    asked = read_message(body("s3_two_records"))
    assert isinstance(asked, Several)
    assert [files(text)[0].key for text in asked.bodies] == ["orders/a.csv", "orders/b.csv"]


@pytest.mark.parametrize("junk", [None, 7, {}, {"eventName": "ObjectRemoved:Delete"}, "\ud800ü"])
def test_a_record_that_is_not_an_event_stands_alone_too(junk: Any) -> None:
    asked = read_message(json.dumps({"Records": [*json.loads(body("s3_put"))["Records"], junk]}))
    assert isinstance(asked, Several)
    assert files(asked.bodies[0]) == (PUT,)
    with pytest.raises(UnknownMessage):
        read_message(asked.bodies[1])


def test_a_restored_object_is_not_a_new_one() -> None:
    s3 = changed("s3_put", *RECORD, eventName="ObjectRestore:Completed")
    assert read_message(s3) == Restored(PUT)
    bridge = json.loads(body("event_bridge"))
    (file,) = files(json.dumps(bridge))
    assert read_message(json.dumps(bridge | {"detail-type": "Object Restore Completed"})) == Restored(file)


def test_an_sns_topic_in_between_changes_nothing_raw_or_wrapped() -> None:
    (wrapped,) = files(body("sns_wrapped"))
    assert wrapped.key == "orders/via sns.csv"
    assert files(json.loads(body("sns_wrapped"))["Message"]) == (wrapped,)


def test_event_bridge_sends_keys_as_they_are() -> None:
    assert files(body("event_bridge")) == (
        FileVersion(
            bucket="landing-example",
            key="orders/50% of 1+1 ü.csv",
            version_id="IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
            etag="5d41402abc4b2a76b9719d911017c592",
            sequencer="00617F08299329D189",
            size_bytes=53112,
            event_time="2026-11-22T10:11:12Z",
        ),
    )


def test_s3_sends_keys_encoded_as_in_a_form() -> None:
    assert files(body("s3_odd_key"))[0].key == "orders/red flower/50% of 1+1/über 😀.csv"


def test_what_stands_for_a_folder_is_an_object_like_any_other() -> None:
    ((key, size),) = [(file.key, file.size_bytes) for file in files(body("s3_folder_marker"))]
    assert (key, size) == ("orders/2026/", 0)


@pytest.mark.parametrize(
    "wrap", [lambda text: text, lambda text: json.dumps({"Type": "Notification", "Message": text})]
)
def test_the_test_event_asks_for_nothing(wrap: Any) -> None:
    assert read_message(wrap(body("s3_test_event"))) == TestEvent()


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.4", "2.9", "2.17"])
def test_any_minor_version_of_the_event_is_taken(version: str) -> None:
    assert files(body("s3_put").replace('"2.6"', f'"{version}"')) == (PUT,)


def changed(event: str, /, *path: Any, **fields: Any) -> str:
    """Return an event with fields of one object in it set; None takes a field away."""
    document = json.loads(body(event))
    place = document
    for step in path:
        place = place[step]
    for field, value in fields.items():
        place[field] = value
        if value is None:
            del place[field]
    return json.dumps(document)


RECORD = ("Records", 0)
OBJECT = (*RECORD, "s3", "object")
DETAIL = ("detail", "object")


@pytest.mark.parametrize("text", [changed("s3_put", *OBJECT, **{f: None}) for f in ("size", "eTag", "sequencer")])
def test_what_s3_leaves_out_is_none(text: str) -> None:
    (file,) = files(text)
    assert (file.bucket, file.key) == (PUT.bucket, PUT.key)
    assert None in (file.size_bytes, file.etag, file.sequencer)


def test_an_empty_version_is_none_to_speak_of() -> None:
    """Some that imitate S3 send it so."""
    (file,) = files(changed("s3_put", *OBJECT, versionId=""))
    assert not file.version_id
    assert file.version == PUT.version


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("not json", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not an object"),
        ('"text"', "not an object"),
        ("null", "not an object"),
        ("{}", "its fields are none"),
        ('{"job": 1, "id": 2}', "its fields are id, job"),
        ('{"Records": []}', "its fields are Records"),
        ('{"Records": "x"}', "its fields are Records"),
        ('{"Records": [1]}', "not an S3 event"),
        ('{"Records": [null]}', "not an S3 event"),
        ('{"Type": "Notification", "Message": "hello"}', "not JSON"),
        ('{"Type": "Notification", "Message": 1}', "its fields are Message, Type"),
        (body("s3_removed"), "ObjectRemoved:Delete 2.6 of aws:s3"),
        (body("s3_put").replace('"2.6"', '"3.0"'), "ObjectCreated:Put 3.0"),
        (body("s3_put").replace('"aws:s3"', '"aws:sqs"'), "of aws:sqs"),
        (body("event_bridge").replace("Object Created", "Object Deleted"), "'Object Deleted' of aws.s3"),
        (changed("s3_put", *RECORD, eventName=None), "'eventName' is missing"),
        (changed("s3_put", *RECORD, s3=None), "'s3' is missing"),
        (changed("s3_put", *OBJECT, key=None), "'key' is missing"),
        (changed("event_bridge", *DETAIL, key=None), "'key'"),
        (changed("event_bridge", detail=None), "'detail'"),
        (changed("s3_put", *RECORD, eventName=7), "The message is 7 2.6 of aws:s3"),
        (changed("s3_put", *RECORD, s3=[]), "not an S3 event"),
        (changed("s3_put", *OBJECT, key=7), "not an S3 event"),
        (changed("s3_put", *OBJECT, size="7"), "not an S3 event"),
        (changed("s3_put", *OBJECT, sequencer=7), "not an S3 event"),
        (changed("s3_put", *OBJECT, eTag=["x"]), "not an S3 event"),
        (changed("s3_put", *OBJECT, key=""), "not an S3 event"),
        (changed("s3_put", *RECORD, eventTime=7), "not an S3 event"),
        (changed("s3_put", *RECORD, "s3", "bucket", name={}), "not an S3 event"),
        (changed("event_bridge", detail=[]), "EventBridge"),
        (changed("event_bridge", *DETAIL, key=7), "EventBridge"),
        (changed("event_bridge", *DETAIL, key=["x"]), "EventBridge"),
        (changed("s3_put", *RECORD, eventName="x" * 10_000), "The message is xxx"),
        (json.dumps({"x" * 10_000: 1}), "its fields are xxx"),
    ],
)
def test_a_message_of_no_known_kind_is_unknown_and_says_what_it_looked_like(text: str, reason: str) -> None:
    with pytest.raises(UnknownMessage) as caught:
        read_message(text)
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 300


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
PLACES: dict[str, list[tuple[Any, ...]]] = {
    "s3_put": [(), ("Records",), RECORD, (*RECORD, "s3"), (*RECORD, "s3", "bucket"), OBJECT],
    "event_bridge": [(), ("detail",), ("detail", "bucket"), DETAIL],
    "sns_wrapped": [()],
    "s3_test_event": [()],
}


@given(name=st.sampled_from(sorted(PLACES)), junk=JSON, data=st.data())
def test_whatever_a_message_holds_it_is_understood_or_unknown(name: str, junk: Any, data: st.DataObject) -> None:
    document = json.loads(body(name))
    place = document
    for step in data.draw(st.sampled_from(PLACES[name])):
        place = place[step]
    keys = range(len(place)) if isinstance(place, list) else sorted(place)
    place[data.draw(st.sampled_from(list(keys)))] = junk
    try:
        read_message(json.dumps(document))
    except UnknownMessage:
        return


def test_sequencers_of_one_key_compare_as_text() -> None:
    """The shorter is padded with zeros on the right, as S3's documentation says."""
    texts = ["0066F2A1B3C4D5E6", "0066F2A1B3C4D5E601", "0066F2A1B3C4D5E6F7", "0066f2a1b3c4d5e7"]
    versions = [FileVersion("b", "k", sequencer=text).version for text in texts]
    assert versions == sorted(versions)
    assert len({len(version) for version in versions}) == 1


@pytest.mark.parametrize(
    ("file", "version"),
    [
        (FileVersion("b", "k", version_id="v", etag="e"), "~v"),
        (FileVersion("b", "k", etag="e"), "~e"),
        (FileVersion("b", "k"), "~unversioned"),
        (FileVersion("b", "k", sequencer="a", version_id="v"), "A" + "0" * 31),
    ],
)
def test_a_version_without_a_sequencer_goes_by_its_id_or_etag(file: FileVersion, version: str) -> None:
    assert file.version == version
