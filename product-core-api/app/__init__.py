"""product-core-api: knows what people may do and holds the business data of organizations."""
