"""The network: VGG-16 as a table, its weights, and the ONNX graphs built from both."""
