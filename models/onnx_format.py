"""Part of the ONNX file format that Scumble reads and writes.

onnxruntime brings protobuf but not the `onnx` package, so the messages are declared here, with the
field numbers of the published onnx.proto (IR version 10), and protobuf does the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from models.weights_errors import _

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

IR_VERSION = 10
OPSET = 18

# message -> field name -> (number, kind); a leading '*' means repeated, capitals another message.
_MESSAGES = {
    "Entry": {"key": (1, "string"), "value": (2, "string")},
    "Dimension": {"dim_value": (1, "int64"), "dim_param": (2, "string")},
    "Shape": {"dim": (1, "*Dimension")},
    "TensorType": {"elem_type": (1, "int32"), "shape": (2, "Shape")},
    "Type": {"tensor_type": (1, "TensorType")},
    "ValueInfo": {"name": (1, "string"), "type": (2, "Type")},
    "Tensor": {
        "dims": (1, "*int64"),
        "data_type": (2, "int32"),
        "float_data": (4, "*float"),
        "int64_data": (7, "*int64"),
        "name": (8, "string"),
        "raw_data": (9, "bytes"),
        "external_data": (13, "*Entry"),
        "data_location": (14, "int32"),
    },
    "Attribute": {
        "name": (1, "string"),
        "f": (2, "float"),
        "i": (3, "int64"),
        "s": (4, "bytes"),
        "floats": (7, "*float"),
        "ints": (8, "*int64"),
        "type": (20, "int32"),
    },
    "Node": {
        "input": (1, "*string"),
        "output": (2, "*string"),
        "name": (3, "string"),
        "op_type": (4, "string"),
        "attribute": (5, "*Attribute"),
        "domain": (7, "string"),
    },
    "Graph": {
        "node": (1, "*Node"),
        "name": (2, "string"),
        "initializer": (5, "*Tensor"),
        "input": (11, "*ValueInfo"),
        "output": (12, "*ValueInfo"),
    },
    "OperatorSet": {"domain": (1, "string"), "version": (2, "int64")},
    "Model": {
        "ir_version": (1, "int64"),
        "producer_name": (2, "string"),
        "graph": (7, "Graph"),
        "opset_import": (8, "*OperatorSet"),
    },
}
_PACKED = ("float_data", "int64_data")
_FLOAT, _INT, _STRING, _FLOATS, _INTS = 1, 2, 3, 6, 7
_DATA_TYPES: dict[int, np.dtype[Any]] = {
    1: np.dtype("<f4"),
    2: np.dtype("u1"),
    6: np.dtype("<i4"),
    7: np.dtype("<i8"),
    9: np.dtype("?"),
    11: np.dtype("<f8"),
}
_EXTERNAL = 1


def _declare() -> dict[str, Any]:
    """Make protobuf's message classes, in a pool of their own beside any other ONNX package."""
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="scumble.proto", package="scumble")
    file.syntax = "proto2"
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field_name, (number, kind) in fields.items():
            field = message.field.add(name=field_name, number=number)
            repeated = kind.startswith("*")
            field.label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
            kind = kind.lstrip("*")
            if kind[0].isupper():
                field.type = kinds.TYPE_MESSAGE
                field.type_name = f".scumble.{kind}"
            else:
                field.type = getattr(kinds, f"TYPE_{kind.upper()}")
            if field_name in _PACKED:
                field.options.packed = True
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"scumble.{name}"))
        for name in _MESSAGES
    }


_CLASSES = _declare()


def read_model(data: bytes) -> Any:
    """Parse an ONNX model.

    Raises
    ------
    ValueError
        If the bytes are not an ONNX model with a graph, or are cut off.
    """
    model = _CLASSES["Model"]()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        message = "the data is not an ONNX model, or it is cut off"
        raise ValueError(message) from error
    if not model.graph.node:
        message = "the data holds no ONNX graph"
        raise ValueError(message)
    return model


def tensor_to_array(tensor: Any) -> np.ndarray:
    """Return an initializer's values.

    Raises
    ------
    ValueError
        If its type is none of float, double, integer or bool, its data lies outside of the file,
        or there is less or more data than its shape asks for.
    """
    if tensor.data_location == _EXTERNAL or tensor.data_type not in _DATA_TYPES:
        message = _("the tensor {name} has a kind of data that is not read here")
        raise ValueError(message.format(name=tensor.name))
    dtype = _DATA_TYPES[tensor.data_type]
    if tensor.raw_data:
        values = np.frombuffer(tensor.raw_data, dtype)
    else:
        values = np.array(tensor.float_data or tensor.int64_data, dtype)
    return values.reshape(tuple(tensor.dims))


class GraphBuilder:
    """The nodes of one graph, added one by one; a method that makes a value returns its name.

    Parameters
    ----------
    name : str
        The graph's name, for messages.
    """

    def __init__(self, name: str) -> None:
        self.model = _CLASSES["Model"](ir_version=IR_VERSION, producer_name="scumble")
        self.model.opset_import.add(domain="", version=OPSET)
        self.graph = self.model.graph
        self.graph.name = name
        self.inputs: list[str] = []
        self.shared_names: list[str] = []
        self._constants: dict[str, str] = {}

    def input(self, name: str, shape: tuple[int, ...], dtype: DTypeLike = np.float32) -> str:
        """Declare an input."""
        self.inputs.append(name)
        return self._declare_value(self.graph.input.add(), name, shape, dtype)

    def output(self, name: str, shape: tuple[int, ...], dtype: DTypeLike = np.float32) -> str:
        """Declare an output; a node must make a value of this name."""
        return self._declare_value(self.graph.output.add(), name, shape, dtype)

    def node(self, op: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add a node with one output.

        Parameters
        ----------
        op : str
            The operator, of the default domain.
        *inputs : str
            Names of its inputs; an empty name leaves an optional one out.
        output : str
            The output's name; one is made up where it is empty.
        **attributes : int, float, str, or a sequence of int or float
            The operator's attributes.
        """
        output = output or f"{op}_{len(self.graph.node)}"
        node = self.graph.node.add(op_type=op, name=output, input=inputs, output=[output])
        for name, value in attributes.items():
            attribute = node.attribute.add(name=name)
            if isinstance(value, int):
                attribute.type, attribute.i = _INT, value
            elif isinstance(value, float):
                attribute.type, attribute.f = _FLOAT, value
            elif isinstance(value, str):
                attribute.type, attribute.s = _STRING, value.encode()
            elif any(isinstance(each, float) for each in value):
                attribute.type = _FLOATS
                attribute.floats.extend(value)
            else:
                attribute.type = _INTS
                attribute.ints.extend(value)
        return output

    def reshaped(self, value: str, *sizes: int) -> str:
        """Add a node that gives a value another shape; -1 stands for the remaining size."""
        return self.node("Reshape", value, self.constant(np.array(sizes, np.int64)))

    def summed(self, value: str, *axes: int) -> str:
        """Add nodes that sum along axes one by one: long sums in single precision lose digits."""
        for axis in axes:
            value = self.node("ReduceSum", value, self.constant(np.array([axis])), keepdims=0)
        return value

    def constant(self, values: np.ndarray) -> str:
        """Add a small constant stored in the graph; equal ones are stored once."""
        values = np.asarray(values)
        key = f"{values.dtype}{values.shape}{values.tobytes().hex()}"
        if key not in self._constants:
            name = f"constant_{len(self._constants)}"
            tensor = self.graph.initializer.add(name=name, dims=values.shape)
            tensor.data_type = _data_type(values.dtype)
            tensor.raw_data = np.ascontiguousarray(values).tobytes()
            self._constants[key] = name
        return self._constants[key]

    def shared(self, name: str, shape: tuple[int, ...]) -> str:
        """Declare a float32 initializer whose values the session is given when it is made."""
        if name not in self.shared_names:
            self.shared_names.append(name)
            tensor = self.graph.initializer.add(name=name, dims=shape, data_location=_EXTERNAL)
            tensor.data_type = _data_type(np.dtype(np.float32))
            tensor.external_data.add(key="location", value="given with the session")
        return name

    def to_bytes(self) -> bytes:
        """Return the model in ONNX's file format."""
        return self.model.SerializeToString()

    @staticmethod
    def _declare_value(info: Any, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> str:
        info.name = name
        info.type.tensor_type.elem_type = _data_type(np.dtype(dtype))
        for size in shape:
            info.type.tensor_type.shape.dim.add(dim_value=size)
        return name


def _data_type(dtype: np.dtype) -> int:
    for number, known in _DATA_TYPES.items():
        if known == dtype:
            return number
    message = f"{dtype} is not one of the types that are written here"
    raise ValueError(message)
