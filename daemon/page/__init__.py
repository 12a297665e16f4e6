"""The page: what the service sees and says, live in a browser, and the API behind it."""
