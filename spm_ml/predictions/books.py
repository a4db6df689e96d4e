"""Books: everything that people and jobs write into the operational store beside batches, each with its own rules."""

from sqlalchemy import Connection, Engine

from spm_ml.predictions.accounts import Accounts
from spm_ml.predictions.agreements import Agreements
from spm_ml.predictions.assessments import Assessments
from spm_ml.predictions.assignments import AssignmentLog
from spm_ml.predictions.audit_trail import AuditTrail
from spm_ml.predictions.cases import Cases
from spm_ml.predictions.champions import Champions
from spm_ml.predictions.closings import Closings
from spm_ml.predictions.credentials import Credentials
from spm_ml.predictions.digests import Digests
from spm_ml.predictions.feedback import FeedbackBook
from spm_ml.predictions.goals import Goals
from spm_ml.predictions.inbox import Inbox
from spm_ml.predictions.notes import Notes
from spm_ml.predictions.pulses import Pulses
from spm_ml.predictions.quota_proposals import QuotaProposals
from spm_ml.predictions.submissions import Submissions
from spm_ml.predictions.tokens import Tokens
from spm_ml.predictions.touched import TouchedBatches


class Books:
    """What a store holds beside batches.

    Attributes:
        credentials: Access tokens and sessions.
        accounts: Who has access, in which role.
        cases: What reps say about their own numbers.
        submissions: What people enter for the period.
        assessments: Ratings of skills.
        feedback: What people say about forecasts, diagnoses and offers.
        pulses: What reps answer about the period.
        notes: What managers note about their people.
        agreements: What reps and managers agree on.
        inbox: What other systems sent.
        digests: Who gets a weekly mail, and which went out.
        touched: Batches in which only some were scored: for the operator, never behind a request.
        audit: Who did what.
        champions: Which model versions were named champion.
        assignments: Who was offered what, and what came of it: for the operator, never behind a request.
        closings: Pay periods that are settled.
        goals: What the company is to book.
        quota_proposals: Quotas that were proposed.
    """

    def __init__(self, engine: Engine | Connection) -> None:
        self._engine = engine
        self.credentials = Credentials(engine)
        self.accounts = Accounts(engine)
        self.tokens = Tokens(engine)
        self.cases = Cases(engine)
        self.submissions = Submissions(engine)
        self.assessments = Assessments(engine)
        self.feedback = FeedbackBook(engine)
        self.pulses = Pulses(engine)
        self.notes = Notes(engine)
        self.agreements = Agreements(engine)
        self.inbox = Inbox(engine)
        self.digests = Digests(engine)
        self.touched = TouchedBatches(engine)
        self.audit = AuditTrail(engine)
        self.champions = Champions(engine)
        self.assignments = AssignmentLog(engine)
        self.closings = Closings(engine)
        self.goals = Goals(engine)
        self.quota_proposals = QuotaProposals(engine)
