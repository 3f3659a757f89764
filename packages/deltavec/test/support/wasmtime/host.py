"""Runs a component in wasmtime for the process that started this one.

Arguments: the component's file, then flags: `wasi` links WASI, `clock` a wall clock alone that can be set, without either
nothing can be imported; `speed` says that code is to be fast; `memory=N` refuses a linear memory of more than so many bytes.

Every line of standard input is a JSON object with an `id` and one of
- `call`, the name of a function as WIT mangles it, with `args` (see values.py): answers `value`, or the `error` of a result
- `drop`, the number of a resource
- `repeat`, a list of such calls that are made in turn `count` times: answers `errors`, how many answers were errors, and
  `marks`, ten of them: resident kilobytes and microseconds for each call since the mark before
- `instantiate`, a number: the seconds that so many instantiations took each
- `now`, Unix milliseconds that `clock` tells from then on, or null: the true ones
- `memory`: resident kilobytes
Every answer is a line with the same `id`, or with `trap` or `unfit` if the call could not be made. The first line tells
`imports`, `exports`, `functions` with the types of their parameters, and the seconds that compiling took.
"""

import gc
import json
import sys
import time
from ctypes import byref

from values import Resources, Result, Unfit, camel, of, zeroed
from wasmtime import Config, Engine, Store, WasiConfig, WasmtimeError
from wasmtime import _ffi as ffi
from wasmtime.component import Component, Linker, Record


def resident():
    """Resident memory of this process in KB."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


class Function:
    """A function of an instance."""

    def __init__(self, store, func):
        self.store, self.func = store, func
        ty = func.type(store)
        self.params = [(name, of(param)) for name, param in ty.params]
        self.result = None if ty.result is None else of(ty.result)
        self.answer = zeroed(1)

    def lower(self, args, known):
        if len(args) != len(self.params):
            raise Unfit(f"{len(args)} arguments, not {len(self.params)}")
        lowered = zeroed(len(args))
        try:
            for (_, param), arg, val in zip(self.params, args, lowered):
                param.lower(arg, val, known)
        except BaseException:
            self.free(lowered)
            raise
        return lowered

    def free(self, lowered):
        for val in lowered:
            ffi.wasmtime_component_val_delete(byref(val))

    def run(self, lowered):
        """Calls; the answer lies in `answer` until it is deleted."""
        error = ffi.wasmtime_component_func_call(
            byref(self.func._func), self.store._context(), lowered, len(lowered),
            self.answer, 0 if self.result is None else 1)
        if error:
            raise WasmtimeError._from_ptr(error)
        self.func.post_return(self.store)

    def forget(self):
        ffi.wasmtime_component_val_delete(self.answer)
        self.answer[0].kind = ffi.WASMTIME_COMPONENT_BOOL.value

    def call(self, args, known):
        lowered = self.lower(args, known)
        try:
            self.run(lowered)
            if self.result is None:
                return None
            try:
                return self.result.lift(self.answer[0], known)
            finally:
                self.forget()
        finally:
            self.free(lowered)


class Host:
    def __init__(self, path, flags):
        config = Config()
        config.wasm_component_model = True
        config.wasm_function_references = True
        config.wasm_gc = True
        config.wasm_exceptions = True
        if "speed" in flags:
            config.cranelift_opt_level = "speed"
        self.engine = Engine(config)
        start = time.perf_counter()
        self.component = Component.from_file(self.engine, path)
        self.compiled = time.perf_counter() - start
        self.wasi = "wasi" in flags
        self.limit = next((int(flag[7:]) for flag in flags if flag.startswith("memory=")), None)
        self.time = None
        self.linker = Linker(self.engine)
        if self.wasi:
            self.linker.add_wasip2()
        if "clock" in flags:
            with self.linker.root() as root, root.add_instance("wasi:clocks/wall-clock@0.2.0") as clock:
                clock.add_func("now", self.datetime)
        self.known = Resources()
        self.store, self.instance = self.instance_of_its_own()
        exports = self.component.type.exports(self.engine)
        self.functions = {}
        for interface, extern in exports.items():
            within = self.component.get_export_index(interface)
            if not hasattr(extern.ty, "exports"):
                continue
            for name in extern.ty.exports(self.engine):
                func = self.instance.get_func(self.store, self.component.get_export_index(name, within))
                if func is not None:
                    self.functions[name] = Function(self.store, func)

    def instance_of_its_own(self):
        store = Store(self.engine)
        if self.wasi:
            store.set_wasi(WasiConfig())
        if self.limit is not None:
            store.set_limits(memory_size=self.limit)
        return store, self.linker.instantiate(store, self.component)

    def datetime(self, _):
        nanoseconds = time.time_ns() if self.time is None else 1_000_000 * self.time
        value = Record()
        value.seconds, value.nanoseconds = divmod(nanoseconds, 1_000_000_000)
        return value

    def now(self, ask):
        self.time = ask["now"]
        return {}

    def hello(self):
        ty = self.component.type
        return {
            "imports": list(ty.imports(self.engine)),
            "exports": list(ty.exports(self.engine)),
            "functions": {
                name: [[camel(param), ty.describe()] for param, ty in function.params]
                for name, function in self.functions.items()
            },
            "compiled": self.compiled,
        }

    def function(self, name):
        if name not in self.functions:
            raise Unfit(f"there is no function {name}")
        return self.functions[name]

    def call(self, ask):
        function = self.function(ask["call"])
        value = function.call(ask["args"], self.known)
        if isinstance(function.result, Result):
            return {"error": value["err"]} if "err" in value else {"value": value["ok"]}
        return {"value": value}

    def drop(self, ask):
        self.known.take(ask["drop"]).drop(self.store)
        return {}

    def repeat(self, ask):
        calls = []
        for one in ask["repeat"]:
            function = self.function(one["call"])
            calls.append((function, function.lower(one["args"], self.known)))
        errors, marks, parts = 0, [], 10
        for part in range(parts):
            times = ask["count"] * (part + 1) // parts - ask["count"] * part // parts
            start = time.perf_counter()
            for _ in range(times):
                for function, lowered in calls:
                    function.run(lowered)
                    errors += self.settle(function)
            seconds = time.perf_counter() - start
            gc.collect()
            marks.append([resident(), 1e6 * seconds / max(1, times * len(calls))])
        for function, lowered in calls:
            function.free(lowered)
        return {"errors": errors, "marks": marks}

    def settle(self, function):
        """Frees an answer, and drops what it owns; whether it was an error."""
        val = function.answer[0]
        wrong = False
        if val.kind == ffi.WASMTIME_COMPONENT_RESULT.value:
            wrong = not val.of.result.is_ok
            val = val.of.result.val.contents if val.of.result.val else None
        if val is not None and val.kind == ffi.WASMTIME_COMPONENT_RESOURCE.value:
            error = ffi.wasmtime_component_resource_any_drop(self.store._context(), val.of.resource)
            if error:
                raise WasmtimeError._from_ptr(error)
        function.forget()
        return wrong

    def instantiate(self, ask):
        start = time.perf_counter()
        for _ in range(ask["instantiate"]):
            self.instance_of_its_own()
        return {"seconds": (time.perf_counter() - start) / ask["instantiate"]}

    def memory(self, _):
        gc.collect()
        return {"kilobytes": resident()}


def main(path, *flags):
    host = Host(path, flags)
    print(json.dumps(host.hello()), flush=True)
    for line in sys.stdin:
        ask = json.loads(line)
        try:
            does = next(getattr(host, name) for name in ("call", "drop", "repeat", "instantiate", "now", "memory") if name in ask)
            answer = does(ask)
        except Unfit as error:
            answer = {"unfit": str(error)}
        except WasmtimeError as error:
            answer = {"trap": str(error)}
        print(json.dumps({"id": ask["id"], **answer}), flush=True)


main(*sys.argv[1:])
