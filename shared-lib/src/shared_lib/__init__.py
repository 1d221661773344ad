"""What both services need and neither is: no product lives here."""
