"""Jobs: ids in, one action called. Any of them may run twice."""
