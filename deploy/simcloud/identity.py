"""Who may enter: projects, users, application credentials and the tokens they were given."""

from dataclasses import dataclass, field

from deploy.simcloud.ids import Ids, named_hex

SERVICE_USER = "ballast"
SERVICE_PROJECT = "admin"
DOMAIN = "Default"


@dataclass(frozen=True, slots=True)
class Caller:
    """The person or program behind one request."""

    user_id: str
    user_name: str
    project_id: str
    roles: frozenset[str]
    request_id: str = ""

    @property
    def admin(self) -> bool:
        return "admin" in self.roles

    @property
    def sees_all(self) -> bool:
        """Readers of the whole cloud may look at everything and touch nothing."""
        return self.admin or "reader" in self.roles


@dataclass(frozen=True, slots=True)
class User:
    name: str
    project: str
    roles: frozenset[str]
    password: str
    secret: str

    @property
    def id(self) -> str:
        return named_hex("user", self.name)

    @property
    def credential_id(self) -> str:
        return named_hex("application-credential", self.name)


@dataclass(slots=True)
class Token:
    user: str
    issued: float
    expires: float
    method: str


@dataclass
class Identity:
    """Keystone's memory."""

    users: dict[str, User] = field(default_factory=dict)
    projects: dict[str, str] = field(default_factory=dict)  # name -> id
    tokens: dict[str, Token] = field(default_factory=dict)

    def add_project(self, name: str) -> str:
        return self.projects.setdefault(name, named_hex("project", name))

    def add_user(self, name: str, *, project: str, roles: tuple[str, ...]) -> User:
        """A user whose password and secret follow from the name: this cloud guards nothing."""
        self.add_project(project)
        user = User(name, project, frozenset(roles), f"{name}-password", f"{name}-secret")
        self.users[name] = user
        return user

    def issue(self, user: User, ids: Ids, *, now: float, ttl: float, method: str) -> tuple[str, Token]:
        self._forget_old(now)
        token = Token(user.name, now, now + ttl, method)
        key = "gAAAA" + ids.hex() + ids.hex()
        self.tokens[key] = token
        return key, token

    def caller(self, key: str, now: float, request_id: str) -> Caller | None:
        """Whose token this is, if it still holds."""
        token = self.tokens.get(key)
        if token is None or token.expires <= now:
            return None
        user = self.users[token.user]
        return Caller(user.id, user.name, self.projects[user.project], user.roles, request_id)

    def revoke_all(self) -> int:
        """Every token issued so far stops working."""
        count = len(self.tokens)
        self.tokens.clear()
        return count

    def _forget_old(self, now: float) -> None:
        if len(self.tokens) > 10_000:
            self.tokens = {key: token for key, token in self.tokens.items() if token.expires > now}


def default_identity(service_roles: tuple[str, ...] = ("admin",)) -> Identity:
    """The service user everybody connects as, one who only reads, and one plain member."""
    identity = Identity()
    identity.add_user(SERVICE_USER, project=SERVICE_PROJECT, roles=service_roles)
    identity.add_user("observer", project=SERVICE_PROJECT, roles=("reader",))
    identity.add_user("member", project="demo", roles=("member",))
    return identity
