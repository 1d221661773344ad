"""What the containers of ``docker-compose.yml`` need besides the services themselves."""
