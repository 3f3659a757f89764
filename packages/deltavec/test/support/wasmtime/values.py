"""Values of a component as JSON, and back.

The package `wasmtime` converts values itself, but asks the engine for every type anew, and makes an object of every byte.
Here the types are asked for once, and lists of numbers go through memory as a whole.

As JSON: names of fields in camelCase; an option is its value or null; a variant `{"tag", "val"}`, a result `{"ok"}` or
`{"err"}`, an enum its name; 64-bit integers `{"$int": "1"}`; floats are numbers, or `{"$float": "NaN"}`; lists of u8, u32
and f32 are `{"$u8": base64}`, little-endian; a resource `{"$resource": number}`.
"""

import base64
import ctypes
import math
import re
from array import array

from wasmtime import _ffi as ffi
from wasmtime.component import _types as types

VAL = ffi.wasmtime_component_val_t
SIZE = ctypes.sizeof(VAL)
OFFSET = VAL.of.offset


class Unfit(Exception):
    """What was given is not a value of the type."""


class Resources:
    """The resources that the other side knows by their numbers."""

    def __init__(self):
        self._known = {}
        self._next = 1

    def add(self, resource):
        number = self._next
        self._next += 1
        self._known[number] = resource
        return number

    def get(self, number):
        if number not in self._known:
            raise Unfit(f"resource {number} is not known")
        return self._known[number]

    def take(self, number):
        resource = self.get(number)
        del self._known[number]
        return resource


def camel(name):
    return re.sub(r"-(.)", lambda match: match[1].upper(), name)


def zeroed(count):
    """Values that may be deleted as they are."""
    values = (VAL * count)()
    ctypes.memset(values, 0, SIZE * count)
    return values


class Integer:
    def __init__(self, kind, field, bits):
        self.kind, self.field, self.bits = kind, field, bits

    def describe(self):
        return {"type": self.field}

    def lower(self, json, val, known):
        if isinstance(json, dict):
            json = int(json["$int"])
        if isinstance(json, float) and json.is_integer():
            json = int(json)
        if not isinstance(json, int) or isinstance(json, bool):
            raise Unfit(f"{json!r} is not a {self.field}")
        val.kind = self.kind
        setattr(val.of, self.field, json & (1 << self.bits) - 1)  # as JavaScript's glue does

    def lift(self, val, known):
        value = getattr(val.of, self.field)
        return value if self.bits < 64 else {"$int": str(value)}


class Float:
    def __init__(self, kind, field):
        self.kind, self.field = kind, field

    def describe(self):
        return {"type": self.field}

    def lower(self, json, val, known):
        if isinstance(json, dict):
            json = float(json["$float"])
        if not isinstance(json, (int, float)) or isinstance(json, bool):
            raise Unfit(f"{json!r} is not a {self.field}")
        val.kind = self.kind
        setattr(val.of, self.field, json)

    def lift(self, val, known):
        value = getattr(val.of, self.field)
        if math.isfinite(value):
            return value
        return {"$float": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}


class Bool:
    def describe(self):
        return {"type": "bool"}

    def lower(self, json, val, known):
        if not isinstance(json, bool):
            raise Unfit(f"{json!r} is not a bool")
        val.kind = ffi.WASMTIME_COMPONENT_BOOL.value
        val.of.boolean = json

    def lift(self, val, known):
        return bool(val.of.boolean)


class Text:
    """A string, or a name of an enum."""

    def __init__(self, kind, field, names=None):
        self.kind, self.field, self.names = kind, field, names

    def describe(self):
        return {"type": "string"} if self.names is None else {"type": "enum", "names": self.names}

    def lower(self, json, val, known):
        if not isinstance(json, str) or self.names is not None and json not in self.names:
            raise Unfit(f"{json!r} is not a {self.field}")
        setattr(val.of, self.field, ffi.str_to_capi(json))
        val.kind = self.kind

    def lift(self, val, known):
        return ffi.to_str(getattr(val.of, self.field))


class Numbers:
    """A list of numbers of one size."""

    def __init__(self, kind, name, code):
        self.name, self.code = "$" + name, code
        self.one = zeroed(1)
        self.one[0].kind = kind
        self.one = bytes(self.one)

    def describe(self):
        return {"type": "list", "element": {"type": self.name[1:]}}

    def lower(self, json, val, known):
        if isinstance(json, list):
            try:
                plain = (float(one["$float"]) if isinstance(one, dict) else one for one in json)
                numbers = array(self.code, plain)
            except (TypeError, OverflowError) as error:
                raise Unfit(f"not a list for {self.name}: {error}") from None
        elif isinstance(json, dict) and self.name in json:
            numbers = array(self.code, base64.b64decode(json[self.name]))
        else:
            raise Unfit(f"{json!r} is not {self.name}")
        ffi.wasmtime_component_vallist_new_uninit(ctypes.byref(val.of.list), len(numbers))
        val.kind = ffi.WASMTIME_COMPONENT_LIST.value
        if numbers:
            image = bytearray(self.one * len(numbers))
            step = numbers.itemsize
            memoryview(image).cast(self.code)[OFFSET // step :: SIZE // step] = memoryview(numbers)
            ctypes.memmove(val.of.list.data, bytes(image), len(image))

    def lift(self, val, known):
        count = val.of.list.size
        numbers = array(self.code)
        if count:
            image = ctypes.string_at(val.of.list.data, SIZE * count)
            step = numbers.itemsize
            numbers.frombytes(memoryview(image).cast(self.code)[OFFSET // step :: SIZE // step].tobytes())
        return {self.name: base64.b64encode(numbers.tobytes()).decode()}


class List:
    def __init__(self, element):
        self.element = element

    def describe(self):
        return {"type": "list", "element": self.element.describe()}

    def lower(self, json, val, known):
        if not isinstance(json, list):
            raise Unfit(f"{json!r} is not a list")
        ffi.wasmtime_component_vallist_new_uninit(ctypes.byref(val.of.list), len(json))
        if json:
            ctypes.memset(val.of.list.data, 0, SIZE * len(json))
        val.kind = ffi.WASMTIME_COMPONENT_LIST.value
        for i, one in enumerate(json):
            self.element.lower(one, val.of.list.data[i], known)

    def lift(self, val, known):
        data = val.of.list.data
        return [self.element.lift(data[i], known) for i in range(val.of.list.size)]


class Record:
    def __init__(self, fields):
        self.fields = [(name, camel(name), of(ty)) for name, ty in fields]

    def describe(self):
        return {"type": "record", "fields": [[key, ty.describe()] for _, key, ty in self.fields]}

    def lower(self, json, val, known):
        if not isinstance(json, dict):
            raise Unfit(f"{json!r} is not a record")
        strange = json.keys() - {key for _, key, _ in self.fields}
        if strange:
            raise Unfit(f"there are no fields {strange}")
        record = val.of.record
        ffi.wasmtime_component_valrecord_new_uninit(ctypes.byref(record), len(self.fields))
        ctypes.memset(record.data, 0, ctypes.sizeof(record.data.contents) * len(self.fields))
        val.kind = ffi.WASMTIME_COMPONENT_RECORD.value
        for i, (name, key, ty) in enumerate(self.fields):
            record.data[i].name = ffi.str_to_capi(name)
            ty.lower(json.get(key), record.data[i].val, known)

    def lift(self, val, known):
        data = val.of.record.data
        return {key: ty.lift(data[i].val, known) for i, (_, key, ty) in enumerate(self.fields)}


def boxed(ty, json, known):
    """A value in memory of its own; none where the case has none."""
    if ty is None:
        return None
    held = zeroed(1)
    try:
        ty.lower(json, held[0], known)
    except BaseException:
        ffi.wasmtime_component_val_delete(held)
        raise
    return ffi.wasmtime_component_val_new(held)


class Variant:
    def __init__(self, cases):
        self.cases = {name: None if ty is None else of(ty) for name, ty in cases}

    def describe(self):
        return {"type": "variant", "cases": [[tag, ty and ty.describe()] for tag, ty in self.cases.items()]}

    def lower(self, json, val, known):
        if not isinstance(json, dict) or json.get("tag") not in self.cases:
            raise Unfit(f"{json!r} is no case of the variant")
        tag = json["tag"]
        val.of.variant.val = boxed(self.cases[tag], json.get("val"), known)
        val.of.variant.discriminant = ffi.str_to_capi(tag)
        val.kind = ffi.WASMTIME_COMPONENT_VARIANT.value

    def lift(self, val, known):
        tag = ffi.to_str(val.of.variant.discriminant)
        ty = self.cases[tag]
        return {"tag": tag} if ty is None else {"tag": tag, "val": ty.lift(val.of.variant.val.contents, known)}


class Option:
    def __init__(self, payload):
        self.payload = payload

    def describe(self):
        return {"type": "option", "payload": self.payload.describe()}

    def lower(self, json, val, known):
        val.of.option = None if json is None else boxed(self.payload, json, known)
        val.kind = ffi.WASMTIME_COMPONENT_OPTION.value

    def lift(self, val, known):
        return self.payload.lift(val.of.option.contents, known) if val.of.option else None


class Result:
    """Only ever an answer."""

    def __init__(self, ok, err):
        self.ok, self.err = (None if ty is None else of(ty) for ty in (ok, err))

    def lift(self, val, known):
        result = val.of.result
        key, ty = ("ok", self.ok) if result.is_ok else ("err", self.err)
        return {key: None if ty is None else ty.lift(result.val.contents, known)}


class Resource:
    def describe(self):
        return {"type": "resource"}

    def lower(self, json, val, known):
        if not isinstance(json, dict) or "$resource" not in json:
            raise Unfit(f"{json!r} is not a resource")
        resource = known.get(json["$resource"])
        val.of.resource = ffi.wasmtime_component_resource_any_clone(resource.ptr())
        val.kind = ffi.WASMTIME_COMPONENT_RESOURCE.value

    def lift(self, val, known):
        clone = ffi.wasmtime_component_resource_any_clone(val.of.resource)
        return {"$resource": known.add(types.ResourceAny._from_ptr(clone))}


def of(ty):
    """What converts values of a type."""
    if isinstance(ty, types.Bool):
        return Bool()
    for kind, name, code in ((types.U8, "u8", "B"), (types.U16, "u16", "H"), (types.U32, "u32", "I"), (types.U64, "u64", "Q")):
        if isinstance(ty, kind):
            return Integer(getattr(ffi, f"WASMTIME_COMPONENT_{name.upper()}").value, name, 8 * array(code).itemsize)
    if isinstance(ty, types.F32):
        return Float(ffi.WASMTIME_COMPONENT_F32.value, "f32")
    if isinstance(ty, types.F64):
        return Float(ffi.WASMTIME_COMPONENT_F64.value, "f64")
    if isinstance(ty, types.String):
        return Text(ffi.WASMTIME_COMPONENT_STRING.value, "string")
    if isinstance(ty, types.EnumType):
        return Text(ffi.WASMTIME_COMPONENT_ENUM.value, "enumeration", ty.names)
    if isinstance(ty, types.ListType):
        for kind, name, code in ((types.U8, "u8", "B"), (types.U32, "u32", "I"), (types.F32, "f32", "f")):
            if isinstance(ty.element, kind):
                return Numbers(getattr(ffi, f"WASMTIME_COMPONENT_{name.upper()}").value, name, code)
        return List(of(ty.element))
    if isinstance(ty, types.RecordType):
        return Record(ty.fields)
    if isinstance(ty, types.VariantType):
        return Variant(ty.cases)
    if isinstance(ty, types.OptionType):
        return Option(of(ty.payload))
    if isinstance(ty, types.ResultType):
        return Result(ty.ok, ty.err)
    if isinstance(ty, (types.OwnType, types.BorrowType)):
        return Resource()
    raise Unfit(f"{ty} is not used by deltavec")
