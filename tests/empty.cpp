// A target needs a source to compile headers for.
