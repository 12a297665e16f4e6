"""What a post is like: whether it copies others, promises, phishes, is glad; how new its author."""
