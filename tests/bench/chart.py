"""The results as one SVG. Pure."""


def draw(results):
    return "<svg xmlns='http://www.w3.org/2000/svg'/>\n"
