"""What exchanges trade in public: one file a venue, candles, what assets are worth, the regime."""
