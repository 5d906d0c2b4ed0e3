"""Small stand-ins for published benchmarks, one module each: our own words and clips in the publisher's layout."""
