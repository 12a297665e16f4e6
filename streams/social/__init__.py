"""What people say in public: one file a feed, the tokens that they name, what a text is like."""
