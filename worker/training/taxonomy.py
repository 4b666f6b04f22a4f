"""Finds the broader words of concepts from the classes of ImageNet that they stand for."""

from worker.training.data import Index

#: The words that may be broader ones. That all classes of a concept are of another does not make
#: it a kind of that (a coffee mug is photographed with coffee), so the list is written by hand.
KINDS = (
    "accessory", "amphibian", "animal", "bag", "bear", "beetle", "bird", "boat", "butterfly", "car",
    "cat", "clothing", "crab", "deer", "dessert", "dog", "drink", "electronics", "fish", "flower",
    "food", "fox", "frog", "fruit", "fungus", "furniture", "hat", "horse", "insect", "lizard",
    "monkey", "musical instrument", "plant", "reptile", "shark", "shoe", "snake", "spider", "tool",
    "toy", "train", "truck", "turtle", "vegetable", "vehicle", "weapon", "whale", "wolf",
)  # fmt: skip


#: The map from classes to concepts was made by hand and misses a few.
_NEARLY_ALL = 0.9


def get_broader(index: Index) -> dict[str, tuple[str, ...]]:
    """Return the broader words of each concept that has some, the nearest first.

    A concept is under a kind if nearly all classes that it stands for are classes of that kind,
    which has more; kinds above each other make a chain.
    """
    classes: dict[int, set[int]] = {}
    for class_, concept in index.meanings:
        classes.setdefault(concept, set()).add(class_)
    kinds = [n for n, word in enumerate(index.concepts) if word in KINDS and n in classes]
    kinds.sort(key=lambda kind: (len(classes[kind]), index.concepts[kind]))
    broader: dict[str, tuple[str, ...]] = {}
    for concept, own in classes.items():
        chain, last = [], own
        for kind in kinds:
            is_of_it = len(last & classes[kind]) >= _NEARLY_ALL * len(last)
            if is_of_it and len(classes[kind]) > len(last):
                chain.append(index.concepts[kind])
                last = classes[kind]
        if chain:
            broader[index.concepts[concept]] = tuple(chain)
    return broader
