"""The article's script on Keras and TensorFlow: for each line of input, the images a second of one epoch of `fit`.

The arguments are the folder of MNIST's archives and the number of images.
"""

import gzip
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import keras
import numpy as np


def main(folder: str, images: str) -> None:
    with redirect_stdout(sys.stderr):
        x, y = read_images(Path(folder), int(images))
        model, clock = build_model(), Clock()
        for _ in sys.stdin:
            model.fit(x, y, batch_size=128, epochs=1, verbose=0, callbacks=[clock])
            print(len(x) / clock.seconds, file=sys.__stdout__, flush=True)


def read_images(folder: Path, count: int) -> tuple[Any, Any]:
    pixels, digits = (
        read_archive(folder / "train-images-idx3-ubyte.gz", 16),
        read_archive(folder / "train-labels-idx1-ubyte.gz", 8),
    )
    x = pixels.reshape(-1, 28, 28, 1)[:count].astype("float32") / 255
    return x, keras.utils.to_categorical(digits[:count], 10)


def read_archive(path: Path, header: int) -> Any:
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)


def build_model() -> keras.Model:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    optimizer = keras.optimizers.Adam(clipvalue=0.5)
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"], jit_compile=False)  # XLA is slower here
    return model


class Clock(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is not installed here
    """The time from an epoch's beginning to its end."""

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:  # noqa: ARG002  # Keras's
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:  # noqa: ARG002
        self.seconds = time.perf_counter() - self.began


if __name__ == "__main__":
    main(*sys.argv[1:])
