"""Texts about anything: what a dataset makes of them says which similarities are unusual in it."""

# fmt: off
TEXTS = (
    "a person", "a man", "a woman", "a child", "a group of people", "a face", "a hand", "a dog",
    "a cat", "a bird", "a horse", "a fish", "an insect", "a flower", "a tree", "a forest",
    "a field of grass", "mountains", "a beach", "the sea", "a river", "the sky", "clouds",
    "a sunset", "snow", "night", "a city street", "a building", "a house", "a room", "a kitchen",
    "a bed", "a chair", "a table", "a car", "a bicycle", "a train", "an airplane", "a boat",
    "a road", "food on a plate", "fruit", "a cake", "a drink", "a bottle", "a book", "a phone",
    "a computer screen", "a clock", "clothes", "shoes", "a bag", "a toy", "a ball", "a sport",
    "a musical instrument", "a machine", "a tool", "a sign", "a word", "a page of text", "a chart",
    "a map", "a drawing", "a painting", "a pattern", "stripes", "a texture", "a wall", "a circle",
    "a square", "a star", "a red thing", "a green thing", "a blue thing", "a yellow thing",
    "something black", "something white", "a close-up", "an aerial view",
    "a black and white photo", "a blurry picture", "an empty background",
)
# fmt: on
