"""What every test of the core stands on: its database, the application, and signed tokens."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import app
import asyncpg
import httpx
import pytest
from app.core.settings import CoreSettings
from app.main import create_app
from fastapi import FastAPI

from shared_lib.jwks import JwksClient
from shared_lib.testing.postgres import Cluster
from shared_lib.testing.tokens import TokenIssuer
