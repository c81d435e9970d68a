"""Small programs with one fault each: `run()` leaves a cycle.

Each has a name, the kind of its cycle, the reference that its remedy changes, and the source. What
`run` needs afterwards it still uses after the fault, so that a remedy that lets something die too
early makes the program fail.
"""

from __future__ import annotations

from typing import NamedTuple

INSTANCES = "instances that refer to each other"
ITSELF = "an instance that refers to itself"
METHOD = "an instance that stores its own bound method"
CLOSES_OVER = "an instance that stores a function that closes over it"
EXCEPTION = "exception ↔ traceback ↔ frame"
FRAME = "a frame that its own local holds"
CLOSURE = "recursive closure"
CLASS = "a class made at run time"
CONTAINER = "a container that holds itself"
SUSPENDED = "suspended generator or coroutine ↔ its own frame"


class Program(NamedTuple):
    """One faulty program."""

    name: str
    kind: str
    reference: str
    source: str


PROGRAMS = [
    Program(
        "parent_and_children",
        INSTANCES,
        "Child.parent",
        """
class Parent:
    def __init__(self):
        self.children = []
    def add(self):
        self.children.append(Child(self))

class Child:
    def __init__(self, parent):
        self.parent = parent

def run():
    parent = Parent()
    parent.add()
    parent.add()
    return [child.parent is parent for child in parent.children] == [True, True]
""",
    ),
    Program(
        "set_from_outside",
        INSTANCES,
        "Engine.car",
        """
class Car:
    pass

class Engine:
    car = None

def build():
    car = Car()
    car.engine = Engine()
    car.engine.car = car
    return car

def run():
    car = build()
    return car.engine.car is car
""",
    ),
    Program(
        "inherited_back_reference",
        INSTANCES,
        "Part.owner",
        """
class Part:
    def __init__(self, owner):
        self.owner = owner

class Wheel(Part):
    pass

class Door(Part):
    pass

class Car:
    def __init__(self):
        self.parts = (Wheel(self), Door(self))

def run():
    car = Car()
    return all(part.owner is car for part in car.parts)
""",
    ),
    Program(
        "doubly_linked_slots",
        INSTANCES,
        "Node.previous",
        """
class Node:
    __slots__ = ("next", "previous", "value")

def run():
    first = last = Node()
    first.previous = first.next = None
    for value in range(4):
        node = Node()
        node.value, node.previous, node.next = value, last, None
        last.next = node
        last = node
    return last.previous.previous.value == 1
""",
    ),
    Program(
        "target_without_weak_references",
        INSTANCES,
        "Line.order",
        """
class Order:
    __slots__ = ("lines",)

class Line:
    pass

def run():
    order = Order()
    line = Line()
    line.order = order
    order.lines = [line]
    return line.order is order
""",
    ),
    Program(
        "dataclass_tree",
        INSTANCES,
        "Node.parent",
        """
from __future__ import annotations
from dataclasses import dataclass, field

@dataclass
class Node:
    name: str
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)

    def add(self, name):
        child = Node(name, parent=self)
        self.children.append(child)
        return child

def run():
    root = Node("root")
    leaf = root.add("a").add("b")
    return leaf.parent.parent is root
""",
    ),
    Program(
        "dataclass_with_slots",
        INSTANCES,
        "Line.order",
        """
from dataclasses import dataclass

class Order:
    def __init__(self):
        self.lines = []

@dataclass(slots=True)
class Line:
    order: object

def run():
    order = Order()
    order.lines.append(Line(order=order))
    return len(order.lines) == 1
""",
    ),
    Program(
        "two_back_references",
        INSTANCES,
        "Order.customer, OrderLine.order",
        """
class Customer:
    def __init__(self):
        self.orders = []

class Order:
    def __init__(self, customer):
        self.customer = customer
        self.lines = [OrderLine(self)]

class OrderLine:
    def __init__(self, order):
        self.order = order

def run():
    customer = Customer()
    order = Order(customer)
    customer.orders.append(order)
    return order.lines[0].order.customer is customer
""",
    ),
    Program(
        "property_setter",
        INSTANCES,
        "Node._parent",
        """
class Node:
    def __init__(self):
        self.children = []
        self._parent = None

    @property
    def parent(self):
        return self._parent

    @parent.setter
    def parent(self, node):
        self._parent = node
        node.children.append(self)

def run():
    root, leaf = Node(), Node()
    leaf.parent = root
    return leaf.parent is root
""",
    ),
    Program(
        "registry",
        INSTANCES,
        "dict value of Peer.known",
        """
class Peer:
    def __init__(self):
        self.known = {}

def run():
    one, other = Peer(), Peer()
    one.known["other"] = other
    other.known["one"] = one
    return one.known["other"].known["one"] is one
""",
    ),
    Program(
        "set_of_peers",
        INSTANCES,
        "set member of Peer.peers",
        """
class Peer:
    def __init__(self):
        self.peers = set()

def run():
    peers = [Peer() for _ in range(4)]
    for peer in peers:
        for other in peers:
            if other is not peer:
                peer.peers.add(other)
    return sum(len(peer.peers) for peer in peers) == 12
""",
    ),
    Program(
        "list_of_peers",
        INSTANCES,
        "list item of Peer.peers",
        """
class Peer:
    def __init__(self):
        self.peers = []

def run():
    peers = [Peer() for _ in range(3)]
    for peer in peers:
        for other in peers:
            peer.peers.append(other)
    return sum(len(peer.peers) for peer in peers) == 9
""",
    ),
    Program(
        "refers_to_itself",
        ITSELF,
        "Node.root",
        """
class Node:
    def __init__(self):
        self.root = self

def run():
    node = Node()
    return node.root is node
""",
    ),
    Program(
        "attribute_dictionary",
        ITSELF,
        "AttrDict.__dict__",
        """
class AttrDict(dict):
    def __init__(self, *args):
        super().__init__(*args)
        self.__dict__ = self

def run():
    config = AttrDict([("port", 80)])
    config.host = "here"
    return config.port == 80 and config["host"] == "here"
""",
    ),
    Program(
        "own_bound_method",
        METHOD,
        "Widget.handler",
        """
class Widget:
    def __init__(self):
        self.handler = self.on_event
        self.seen = []
    def on_event(self, event):
        self.seen.append(event)

def run():
    widget = Widget()
    widget.handler(3)
    return widget.seen == [3]
""",
    ),
    Program(
        "dispatch_table",
        METHOD,
        "dict value of Parser.table",
        """
class Parser:
    def __init__(self):
        self.table = {"a": self.on_a, "b": self.on_b}
    def on_a(self):
        return 1
    def on_b(self):
        return 2

def run():
    parser = Parser()
    return parser.table["a"]() + parser.table["b"]() == 3
""",
    ),
    Program(
        "observer",
        METHOD,
        "list item of Subject.observers",
        """
class Subject:
    def __init__(self):
        self.observers = []
    def tell(self):
        for observer in self.observers:
            observer()

class Observer:
    def __init__(self, subject):
        self.subject = subject
        self.told = 0
        subject.observers.append(self.update)
    def update(self):
        self.told += 1

def run():
    subject = Subject()
    observer = Observer(subject)
    subject.tell()
    return observer.told == 1
""",
    ),
    Program(
        "partial_of_own_method",
        METHOD,
        "partial.func",
        """
from functools import partial

class Page:
    def __init__(self):
        self.loader = partial(self.load, 3)
    def load(self, number):
        return number

def run():
    return Page().loader.args == (3,)
""",
    ),
    Program(
        "timer_that_never_ran",
        METHOD,
        "Timer.function",
        """
from threading import Timer

class Session:
    def __init__(self):
        self.timer = Timer(60, self.expire)
    def expire(self):
        pass

def run():
    session = Session()
    return session.timer.interval == 60
""",
    ),
    Program(
        "lambda_over_self",
        CLOSES_OVER,
        "closure variable 'self' of Button.__init__.<lambda>()",
        """
class Button:
    def __init__(self):
        self.clicks = 0
        self.on_click = lambda: self.click()
    def click(self):
        self.clicks += 1

def run():
    button = Button()
    button.on_click()
    return button.clicks == 1
""",
    ),
    Program(
        "function_over_self",
        CLOSES_OVER,
        "closure variable 'self' of Job.start.step()",
        """
class Job:
    def start(self):
        self.done = 0
        def step():
            self.done += 1
            return self.done
        self.step = step

def run():
    job = Job()
    job.start()
    return job.step() + job.step() == 3
""",
    ),
    Program(
        "exception_in_a_local",
        EXCEPTION,
        "local 'err' of run()",
        """
def run():
    err = None
    try:
        int("x")
    except ValueError as error:
        err = error
    return str(err).startswith("invalid")
""",
    ),
    Program(
        "exc_info_in_a_local",
        EXCEPTION,
        "local 'info' of run()",
        """
import sys

def run():
    info = None
    try:
        int("x")
    except ValueError:
        info = sys.exc_info()
    return info[0] is ValueError
""",
    ),
    Program(
        "errors_collected",
        EXCEPTION,
        "ValueError.__traceback__",
        """
def load(texts):
    errors = []
    for text in texts:
        try:
            int(text)
        except ValueError as error:
            errors.append(error)
    return len(errors)

def run():
    return load(["1", "x", "y"]) == 2
""",
    ),
    Program(
        "exception_in_an_attribute",
        EXCEPTION,
        "ValueError.__traceback__",
        """
class Client:
    last_error = None
    def call(self):
        try:
            int("x")
        except ValueError as error:
            self.last_error = error

def run():
    client = Client()
    client.call()
    return isinstance(client.last_error, ValueError)
""",
    ),
    Program(
        "exception_with_its_context",
        EXCEPTION,
        "Client.last_error",
        """
class Client:
    def call(self):
        try:
            self.look_up()
        except RuntimeError as error:
            self.last_error = error
    def look_up(self):
        try:
            {}["name"]
        except KeyError:
            raise RuntimeError("not found")

def run():
    client = Client()
    client.call()
    return "not found" in str(client.last_error)
""",
    ),
    Program(
        "traceback_in_an_attribute",
        EXCEPTION,
        "Job.trace",
        """
class Job:
    def call(self):
        try:
            int("x")
        except ValueError as error:
            self.trace = error.__traceback__

def run():
    job = Job()
    job.call()
    return bool(job.trace)
""",
    ),
    Program(
        "future_waited_for",
        EXCEPTION,
        "ValueError.__traceback__",
        """
from concurrent.futures import Future

def wait(future):
    return future.result()

def run():
    future = Future()
    future.set_exception(ValueError("no"))
    try:
        wait(future)
    except ValueError:
        return True
""",
    ),
    Program(
        "own_frame",
        FRAME,
        "local 'frame' of run()",
        """
import sys

def run():
    frame = sys._getframe()
    return frame.f_code.co_name == "run"
""",
    ),
    Program(
        "recursive_function",
        CLOSURE,
        "closure variable 'walk' of total.walk()",
        """
def total(tree):
    found = []
    def walk(node):
        found.append(node[0])
        for child in node[1]:
            walk(child)
    walk(tree)
    return sum(found)

def run():
    return total((1, [(2, []), (3, [])])) == 6
""",
    ),
    Program(
        "mutual_recursion",
        CLOSURE,
        "closure variable 'is_odd' of parity.is_even()",
        """
def parity(number):
    def is_even(n):
        return n == 0 or is_odd(n - 1)
    def is_odd(n):
        return n != 0 and is_even(n - 1)
    return is_even(number)

def run():
    return parity(10)
""",
    ),
    Program(
        "recursive_lambda",
        CLOSURE,
        "closure variable 'fact' of run.<lambda>()",
        """
def run():
    fact = lambda n: 1 if n < 2 else n * fact(n - 1)
    return fact(5) == 120
""",
    ),
    Program(
        "class_in_a_function",
        CLASS,
        "class Row",
        """
def rows(values):
    class Row:
        def __init__(self, value):
            self.value = value
    return [Row(value).value for value in values]

def run():
    return rows([1, 2]) == [1, 2]
""",
    ),
    Program(
        "namedtuple_in_a_function",
        CLASS,
        "class Point",
        """
from collections import namedtuple

def run():
    Point = namedtuple("Point", "x y")
    return Point(1, 2).x == 1
""",
    ),
    Program(
        "enum_in_a_function",
        CLASS,
        "class Colour",
        """
import enum

def run():
    class Colour(enum.Enum):
        RED = 1
        BLUE = 2
    return Colour.RED.value == 1
""",
    ),
    Program(
        "dictionary_in_itself",
        CONTAINER,
        "dict value of itself",
        """
def run():
    scope = {}
    scope["scope"] = scope
    return scope["scope"]["scope"] is scope
""",
    ),
    Program(
        "list_in_itself",
        CONTAINER,
        "list item of itself",
        """
def run():
    ring = []
    ring.append(ring)
    return ring[0] is ring
""",
    ),
    Program(
        "generator_of_its_owner",
        SUSPENDED,
        "what Job.work() holds",
        """
class Job:
    def __init__(self):
        self.steps = self.work()
    def work(self):
        yield 1
        yield self

def run():
    job = Job()
    first = next(job.steps)
    return first == 1
""",
    ),
    Program(
        "async_generator_of_its_owner",
        SUSPENDED,
        "what Feed.read() holds",
        """
class Feed:
    def __init__(self):
        self.items = self.read()
    async def read(self):
        yield self

def run():
    feed = Feed()
    return feed.items is not None
""",
    ),
    Program(
        "method_and_back_reference",
        f"{METHOD} + {INSTANCES}",
        "Page.handler, Page.site",
        """
class Site:
    def __init__(self):
        self.pages = [Page(self), Page(self)]

class Page:
    def __init__(self, site):
        self.site = site
        self.handler = self.show
    def show(self):
        return self.site

def run():
    site = Site()
    return site.pages[0].handler() is site
""",
    ),
    Program(
        "widget_with_method_and_lambda",
        f"{METHOD} + {CLOSES_OVER} + {INSTANCES}",
        "Button.parent, Button.command, closure variable 'self' of App.__init__.<lambda>()",
        """
class Button:
    def __init__(self, parent, command):
        self.parent, self.command = parent, command
        parent.children.append(self)

class App:
    def __init__(self):
        self.children = []
        Button(self, self.press)
        Button(self, lambda: self.press())
    def press(self):
        return 1

def run():
    app = App()
    return [button.command() for button in app.children] == [1, 1]
""",
    ),
    Program(
        "services_of_three_classes",
        INSTANCES,
        "Db.app, Auth.app, Mail.app",
        """
class Db:
    def __init__(self, app):
        self.app = app

class Mail:
    def __init__(self, app):
        self.app = app

class Auth:
    def __init__(self, app):
        self.app = app

class App:
    def __init__(self):
        self.services = {"db": Db(self), "mail": Mail(self), "auth": Auth(self)}

def run():
    app = App()
    return app.services["db"].app is app
""",
    ),
    Program(
        "an_object_in_between",
        INSTANCES,
        "Engine.car, Wheel.car",
        """
class Engine:
    def __init__(self, car):
        self.car = car

class Wheel:
    def __init__(self, car):
        self.car = car

class Parts:
    def __init__(self, car):
        self.engine = Engine(car)
        self.wheels = [Wheel(car)]

class Car:
    def __init__(self):
        self.parts = Parts(self)

def run():
    car = Car()
    return car.parts.engine.car is car
""",
    ),
    Program(
        "router_with_method_and_lambda",
        f"{METHOD} + {CLOSES_OVER}",
        "closure variable 'self' of Site.__init__.<lambda>(), dict value of Router.routes",
        """
class Router:
    def __init__(self):
        self.routes = {}

class Site:
    def __init__(self):
        self.router = Router()
        self.router.routes["/"] = lambda: self.index()
        self.router.routes["/a"] = self.index
    def index(self):
        return 1

def run():
    site = Site()
    return site.router.routes["/"]() + site.router.routes["/a"]() == 2
""",
    ),
    Program(
        "task_that_failed",
        EXCEPTION,
        "Worker.task",
        """
import asyncio

class Worker:
    def start(self):
        self.task = asyncio.create_task(self.go())
    async def go(self):
        raise ValueError(1)

async def main():
    worker = Worker()
    worker.start()
    await asyncio.wait([worker.task])
    return worker.task.exception().args

def run():
    return asyncio.run(main()) == (1,)
""",
    ),
    Program(
        "timer_with_its_owner_as_argument",
        INSTANCES,
        "list item of Timer.args",
        """
import threading

class Cache:
    def __init__(self):
        self.timer = threading.Timer(60, Cache.expire, args=[self])
    def expire(self):
        pass

def run():
    cache = Cache()
    cache.timer.daemon = True
    return cache.timer.interval == 60
""",
    ),
    Program(
        "context_of_anything",
        ITSELF,
        "dict value of App.context",
        """
class App:
    def __init__(self):
        self.context = dict(debug=True)
        self.context.setdefault("app", self)

def run():
    app = App()
    return app.context["debug"]
""",
    ),
    Program(
        "tree_of_dictionaries",
        CONTAINER,
        "dict value ['parent']",
        """
def build(parent, depth):
    node = {"parent": parent, "children": []}
    if depth:
        node["children"].append(build(node, depth - 1))
    return node

def run():
    return len(build(None, 2)["children"]) == 1
""",
    ),
    Program(
        "slots_and_own_method",
        METHOD,
        "Widget.callback",
        """
class Widget:
    __slots__ = ("callback",)
    def __init__(self):
        self.callback = self.press
    def press(self):
        return 1

def run():
    widget = Widget()
    return widget.callback() == 1
""",
    ),
    Program(
        "handlers_of_two_sorts",
        METHOD,
        "dict value of Queue.handlers, partial.func",
        """
from functools import partial

class Queue:
    def __init__(self):
        self.handlers = {"a": self.a, "b": partial(self.b, 1)}
    def a(self):
        return 1
    def b(self, x):
        return x

def run():
    queue = Queue()
    return queue.handlers["a"]() + queue.handlers["b"]() == 2
""",
    ),
    Program(
        "inherited_method_of_a_library",
        METHOD,
        "Worker.stop",
        """
from threading import Thread

class Worker(Thread):
    def __init__(self):
        super().__init__()
        self.stop = self.join

def run():
    return callable(Worker().stop)
""",
    ),
    Program(
        "error_that_may_not_be_bound",
        EXCEPTION,
        "local 'problem' of load()",
        """
def load(text):
    try:
        return int(text)
    except ValueError as error:
        problem = error
    return str(problem)

def run():
    return load("1") == 1 and load("x").startswith("invalid")
""",
    ),
    Program(
        "ring_with_a_sentinel",
        INSTANCES,
        "Link.next, Link.prev",
        """
class Link:
    pass

class Queue:
    def __init__(self):
        self.root = Link()
        self.root.prev = self.root.next = self.root
    def push(self, value):
        link = Link()
        link.value = value
        last = self.root.prev
        link.prev, link.next = last, self.root
        last.next = self.root.prev = link

def run():
    queue = Queue()
    queue.push(1)
    queue.push(2)
    return queue.root.next.next.value == 2
""",
    ),
    Program(
        "tracebacks_in_a_list",
        EXCEPTION,
        "list item of Log.traces",
        """
import sys

class Log:
    def __init__(self):
        self.traces = []
    def guard(self, function):
        try:
            function()
        except ValueError:
            self.traces.append(sys.exc_info()[2])

def run():
    log = Log()
    log.guard(lambda: int("x"))
    return len(log.traces) == 1
""",
    ),
    Program(
        "dictionary_that_everybody_shares",
        INSTANCES,
        "dict value of Option.config",
        """
class Option:
    def __init__(self, name, config):
        self.config = config
        config[name] = self

def run():
    config = {}
    Option("a", config)
    Option("b", config)
    return config["a"].config is config
""",
    ),
    Program(
        "named_tuples_that_know_their_parent",
        INSTANCES,
        "list item of Tree.children",
        """
from collections import namedtuple

Tree = namedtuple("Tree", "parent children")

def run():
    root = Tree(None, [])
    root.children.append(Tree(root, []))
    return root.children[0].parent is root
""",
    ),
    Program(
        "wrapper_that_counts",
        CLOSURE,
        "closure variable 'wrapper' of counted.wrapper()",
        """
def counted(function):
    def wrapper(*args):
        wrapper.calls += 1
        return function(*args)
    wrapper.calls = 0
    return wrapper

def run():
    call = counted(abs)
    call(-1)
    return call.calls == 1
""",
    ),
    Program(
        "namespace_of_exec",
        CLOSURE,
        "dict value of f.__globals__",
        """
def run():
    namespace = {}
    exec("def f(n): return n and f(n - 1)", namespace)
    return namespace["f"](3) == 0
""",
    ),
    Program(
        "roads_between_cities",
        INSTANCES,
        "dict key of City.roads",
        """
class City:
    def __init__(self):
        self.roads = dict()

def run():
    here, there = City(), City()
    here.roads[there] = 3
    there.roads[here] = 3
    return here.roads[there] == 3
""",
    ),
    Program(
        "context_manager_that_is_kept",
        SUSPENDED,
        "what Transaction.begin() holds",
        """
from contextlib import contextmanager

class Transaction:
    def __init__(self):
        self.state = "open"
        self.context = self.begin()
        self.context.__enter__()
    @contextmanager
    def begin(self):
        yield
        self.state = "done"

def run():
    transaction = Transaction()
    return transaction.state == "open"
""",
    ),
    Program(
        "coroutine_that_is_kept",
        SUSPENDED,
        "what Job.work() holds",
        """
class Job:
    def __init__(self):
        self.running = self.work()
    async def work(self):
        return self

def run():
    job = Job()
    return job.running is not None
""",
    ),
]
