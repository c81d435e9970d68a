"""A small connection server, simulated in one process: no network, the same output every time.

It works, its tests would pass, and no connection stays open. Yet most of its handlers leave objects
that only the cyclic garbage collector can free, each in a way that real servers have. Let the audit
find them:

    python -m cyclefree run examples/connections.py
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator
from itertools import cycle, islice


class Request:
    """What a client asked for."""

    def __init__(self, path: str, body: str) -> None:
        self.path = path
        self.body = body


class Session:
    """The state of one client while it is connected."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection  # the way back: connection -> session -> connection
        self.requests_seen = 0


class Connection:
    """One client's connection."""

    def __init__(self, number: int) -> None:
        self.peer = f"10.0.0.{number % 250 + 1}:{4000 + number}"
        self.session: Session | None = None
        self.is_open = True

    def log_in(self) -> Session:
        """Start the session of this connection."""
        self.session = Session(self)
        return self.session

    def close(self) -> None:
        """Close the connection. (It forgets nothing, and so keeps its session.)"""
        self.is_open = False


class ConnectionManager:
    """The one place that knows all open connections."""

    _instance: ConnectionManager | None = None

    def __init__(self) -> None:
        self.connections: dict[str, Connection] = {}

    @classmethod
    def instance(cls) -> ConnectionManager:
        """Return the manager of this process."""
        if cls._instance is None:
            cls._instance = cls()
        return cls._instance

    def open(self, number: int) -> Connection:
        """Accept a connection."""
        connection = Connection(number)
        self.connections[connection.peer] = connection
        return connection

    def close(self, connection: Connection) -> None:
        """Close a connection and forget it."""
        connection.close()
        del self.connections[connection.peer]


class Upload:
    """A file on its way in; it calls back when all of it has arrived."""

    def __init__(self, size: int) -> None:
        self.missing = size
        self.is_stored = False
        self.on_complete = self.store  # a bound method: self -> on_complete -> self

    def receive(self, size: int) -> None:
        """Take the next part."""
        self.missing -= size
        if self.missing <= 0:
            self.on_complete()

    def store(self) -> None:
        """Keep the complete file."""
        self.is_stored = True


def show_status(connection: Connection, request: Request) -> str:
    """Answer without leaving anything behind: the one clean handler."""
    return f"{connection.peer} is {'open' if connection.is_open else 'closed'}"


def log_in(connection: Connection, request: Request) -> str:
    """Start a session: connection and session refer to each other."""
    session = connection.log_in()
    session.requests_seen += 1
    return f"welcome, {request.body}"


def upload(connection: Connection, request: Request) -> str:
    """Take a file: the upload stores its own bound method as its callback."""
    incoming = Upload(len(request.body))
    incoming.receive(len(request.body))
    return "stored" if incoming.is_stored else "incomplete"


def parse_number(connection: Connection, request: Request) -> str:
    """Read a number: the failure is kept in a local, whose frame the failure's traceback keeps."""
    failure = None
    try:
        return f"number {int(request.body)}"
    except ValueError as error:
        failure = error
    return f"400 {failure}"


def list_folders(connection: Connection, request: Request) -> str:
    """Walk a tree: a nested function that calls itself holds itself through its closure."""
    tree = {"inbox": {"work": {}, "home": {}}, "sent": {}}
    names: list[str] = []

    def walk(folders: dict[str, dict]) -> None:  # type: ignore[type-arg]
        for name, inner in folders.items():
            names.append(name)
            walk(inner)

    walk(tree)
    return ", ".join(names)


def describe_row(connection: Connection, request: Request) -> str:
    """Name the columns of a row: each class made at run time is a cycle of its own."""
    Row = namedtuple("Row", "identifier name")
    row = Row(7, request.body)
    return f"{row.identifier}={row.name}"


class Stream:
    """An answer that is sent in parts."""

    def __init__(self) -> None:
        self.parts = self.produce()  # suspended, its frame holds self, which holds the generator

    def produce(self) -> Iterator[str]:
        """Make the parts, one when asked."""
        for number in range(3):
            yield f"part {number}"


def stream(connection: Connection, request: Request) -> str:
    """Send the first part only: the client has gone away, the generator stays suspended."""
    return next(Stream().parts)


Handler = Callable[[Connection, Request], str]

HANDLERS: dict[str, Handler] = {
    "/status": show_status,
    "/login": log_in,
    "/upload": upload,
    "/number": parse_number,
    "/folders": list_folders,
    "/row": describe_row,
    "/stream": stream,
}


def serve(number: int, path: str) -> str:
    """Serve one request on a connection of its own."""
    manager = ConnectionManager.instance()
    connection = manager.open(number)
    try:
        return HANDLERS[path](connection, Request(path, body=f"guest{number}"))
    finally:
        manager.close(connection)


def main() -> None:
    """Serve some requests and say what was answered."""
    requests = 21
    for number, path in enumerate(islice(cycle(HANDLERS), requests)):
        answer = serve(number, path)
        if number < len(HANDLERS):
            print(f"{path:9} {answer}")
    still_open = len(ConnectionManager.instance().connections)
    print(f"served {requests} requests, {still_open} connections still open")


if __name__ == "__main__":
    main()
