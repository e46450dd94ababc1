"""What pyproject.toml can't say: the wheel has the checkout's assets/ inside the package, as playground/assets."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["playground", "playground.*"]), "playground.assets"],
    package_dir={"playground.assets": "assets"},
    package_data={"playground.assets": ["**/*"], "playground.i18n": ["*.json"]},
    exclude_package_data={
        "playground.assets": ["pictures/*", "**/curve.png"],  # README's and the cards'
        "playground.components": ["*.pyi"],  # Gradio writes them, there too
    },
)
