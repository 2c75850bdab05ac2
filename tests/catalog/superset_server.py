"""Superset on a new database, with a user who may do everything: `superset_server.py PORT PASSWORD`.

What `superset db upgrade`, `fab create-admin`, `init` and `run` do, each of which takes seconds to start, in one
process. Its folder is SUPERSET_HOME.
"""

import sys
from pathlib import Path

import superset
from flask_migrate import upgrade
from superset.app import create_app
from superset.extensions import appbuilder


def main(port: int, password: str) -> None:
    app = create_app()
    with app.app_context():
        upgrade(directory=str(Path(superset.__path__[0]) / "migrations"))
        appbuilder.add_permissions(update_perms=True)
        users = appbuilder.sm
        users.sync_role_definitions()
        users.add_user("admin", "Ad", "Min", "admin@example.org", users.find_role("Admin"), password)
    app.run(port=port, threaded=True)


main(int(sys.argv[1]), sys.argv[2])
