-- What the revisions in versions/ make of an empty SQLite file. Made by `make schema`, not by hand.

CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

INSERT INTO "alembic_version" VALUES('0007');

CREATE TABLE answer (
	aid INTEGER NOT NULL,
	id TEXT NOT NULL,
	sender TEXT NOT NULL,
	client TEXT NOT NULL,
	type TEXT NOT NULL,
	about TEXT NOT NULL,
	resource TEXT NOT NULL,
	received BIGINT NOT NULL,
	body BLOB NOT NULL,
	message BLOB NOT NULL,
	CONSTRAINT pk_answer PRIMARY KEY (aid),
	CONSTRAINT uq_answer_id UNIQUE (id)
);

CREATE TABLE answer_document (
	did BIGINT NOT NULL,
	aid BIGINT NOT NULL,
	version BIGINT NOT NULL,
	received BIGINT NOT NULL,
	changes BLOB NOT NULL,
	CONSTRAINT pk_answer_document PRIMARY KEY (did, aid),
	CONSTRAINT fk_answer_document_did FOREIGN KEY(did) REFERENCES document (did),
	CONSTRAINT fk_answer_document_aid FOREIGN KEY(aid) REFERENCES answer (aid)
)
 WITHOUT ROWID
;

CREATE TABLE assertion (
	"key" BLOB NOT NULL,
	expires BIGINT NOT NULL,
	CONSTRAINT pk_assertion PRIMARY KEY ("key")
)
 WITHOUT ROWID
;

CREATE TABLE audit (
	seq BIGINT NOT NULL,
	id TEXT NOT NULL,
	recorded BIGINT NOT NULL,
	client TEXT NOT NULL,
	organisation TEXT NOT NULL,
	action TEXT NOT NULL,
	outcome TEXT NOT NULL,
	detail BLOB NOT NULL,
	hash BLOB NOT NULL,
	CONSTRAINT pk_audit PRIMARY KEY (seq),
	CONSTRAINT uq_audit_id UNIQUE (id)
);

CREATE TABLE audit_entity (
	reference TEXT NOT NULL,
	seq BIGINT NOT NULL,
	CONSTRAINT pk_audit_entity PRIMARY KEY (reference, seq),
	CONSTRAINT fk_audit_entity_seq FOREIGN KEY(seq) REFERENCES audit (seq)
)
 WITHOUT ROWID
;

CREATE TABLE audit_head (
	id INTEGER NOT NULL,
	seq BIGINT NOT NULL,
	hash BLOB NOT NULL,
	CONSTRAINT pk_audit_head PRIMARY KEY (id)
);

INSERT INTO "audit_head" VALUES(1,0,X'');

CREATE TABLE circuit (
	receiver TEXT NOT NULL,
	failures INTEGER NOT NULL,
	openings INTEGER NOT NULL,
	open_until BIGINT,
	status TEXT,
	failed BIGINT,
	succeeded BIGINT,
	delivered BIGINT NOT NULL,
	CONSTRAINT pk_circuit PRIMARY KEY (receiver)
)
 WITHOUT ROWID
;

CREATE TABLE client (
	id TEXT NOT NULL,
	organisation TEXT NOT NULL,
	role TEXT NOT NULL,
	scopes TEXT NOT NULL,
	jwks TEXT,
	jwks_url TEXT,
	created BIGINT NOT NULL,
	changed BIGINT NOT NULL,
	revoked BIGINT,
	CONSTRAINT pk_client PRIMARY KEY (id)
)
 WITHOUT ROWID
;

CREATE TABLE disclosure (
	organisation TEXT NOT NULL,
	rid BIGINT NOT NULL,
	upto INTEGER NOT NULL,
	since BIGINT NOT NULL, copy BLOB,
	CONSTRAINT pk_disclosure PRIMARY KEY (organisation, rid),
	CONSTRAINT fk_disclosure_rid FOREIGN KEY(rid) REFERENCES resource (rid)
)
 WITHOUT ROWID
;

CREATE TABLE document (
	did INTEGER NOT NULL,
	organisation TEXT NOT NULL,
	system TEXT NOT NULL,
	id TEXT NOT NULL,
	kind TEXT NOT NULL,
	version BIGINT NOT NULL,
	digest BLOB NOT NULL,
	updated BIGINT NOT NULL,
	CONSTRAINT pk_document PRIMARY KEY (did),
	CONSTRAINT uq_document_organisation_system_id UNIQUE (organisation, system, id)
);

CREATE TABLE document_resource (
	did BIGINT NOT NULL,
	rid BIGINT NOT NULL,
	CONSTRAINT pk_document_resource PRIMARY KEY (did, rid),
	CONSTRAINT fk_document_resource_did FOREIGN KEY(did) REFERENCES document (did),
	CONSTRAINT fk_document_resource_rid FOREIGN KEY(rid) REFERENCES resource (rid)
)
 WITHOUT ROWID
;

CREATE TABLE document_version (
	did BIGINT NOT NULL,
	version BIGINT NOT NULL,
	digest BLOB NOT NULL,
	received BIGINT NOT NULL,
	client TEXT NOT NULL,
	body BLOB NOT NULL,
	CONSTRAINT pk_document_version PRIMARY KEY (did, version),
	CONSTRAINT fk_document_version_did FOREIGN KEY(did) REFERENCES document (did)
);

CREATE TABLE export_file (
	job TEXT NOT NULL,
	name TEXT NOT NULL,
	part INTEGER NOT NULL,
	number INTEGER NOT NULL,
	count BIGINT NOT NULL,
	size BIGINT NOT NULL,
	digest BLOB NOT NULL,
	continues TEXT,
	CONSTRAINT pk_export_file PRIMARY KEY (job, name),
	CONSTRAINT fk_export_file_job FOREIGN KEY(job) REFERENCES export_job (id)
)
 WITHOUT ROWID
;

CREATE TABLE export_job (
	id TEXT NOT NULL,
	client TEXT NOT NULL,
	organisation TEXT NOT NULL,
	state TEXT NOT NULL,
	wanted BLOB NOT NULL,
	at BIGINT NOT NULL,
	created BIGINT NOT NULL,
	polled BIGINT NOT NULL,
	done BIGINT NOT NULL,
	total BIGINT NOT NULL,
	attempts INTEGER NOT NULL,
	lease_until BIGINT,
	lease_owner TEXT,
	expires BIGINT,
	reason TEXT,
	CONSTRAINT pk_export_job PRIMARY KEY (id)
)
 WITHOUT ROWID
;

CREATE TABLE export_member (
	job TEXT NOT NULL,
	target TEXT NOT NULL,
	CONSTRAINT pk_export_member PRIMARY KEY (job, target),
	CONSTRAINT fk_export_member_job FOREIGN KEY(job) REFERENCES export_job (id)
)
 WITHOUT ROWID
;

CREATE TABLE export_part (
	job TEXT NOT NULL,
	number INTEGER NOT NULL,
	kind TEXT NOT NULL,
	type TEXT NOT NULL,
	upto BIGINT NOT NULL,
	finished SMALLINT NOT NULL,
	CONSTRAINT pk_export_part PRIMARY KEY (job, number),
	CONSTRAINT fk_export_part_job FOREIGN KEY(job) REFERENCES export_job (id)
)
 WITHOUT ROWID
;

CREATE TABLE guard (
	"key" BLOB NOT NULL,
	CONSTRAINT pk_guard PRIMARY KEY ("key")
);

CREATE TABLE ix_date (
	rid BIGINT NOT NULL,
	param INTEGER NOT NULL,
	low BIGINT NOT NULL,
	high BIGINT NOT NULL,
	part SMALLINT NOT NULL,
	CONSTRAINT pk_ix_date PRIMARY KEY (rid, param, low, high, part)
)
 WITHOUT ROWID
;

CREATE TABLE ix_quantity (
	rid BIGINT NOT NULL,
	param INTEGER NOT NULL,
	low DOUBLE NOT NULL,
	high DOUBLE NOT NULL,
	system BIGINT NOT NULL,
	code TEXT NOT NULL,
	part SMALLINT NOT NULL,
	CONSTRAINT pk_ix_quantity PRIMARY KEY (rid, param, low, high, system, code, part)
)
 WITHOUT ROWID
;

CREATE TABLE ix_reference (
	rid BIGINT NOT NULL,
	param INTEGER NOT NULL,
	target TEXT NOT NULL,
	part SMALLINT NOT NULL,
	CONSTRAINT pk_ix_reference PRIMARY KEY (rid, param, target, part)
)
 WITHOUT ROWID
;

CREATE TABLE ix_string (
	rid BIGINT NOT NULL,
	param INTEGER NOT NULL,
	norm TEXT NOT NULL,
	exact BIGINT NOT NULL,
	part SMALLINT NOT NULL,
	CONSTRAINT pk_ix_string PRIMARY KEY (rid, param, norm, exact, part)
)
 WITHOUT ROWID
;

CREATE TABLE ix_token (
	rid BIGINT NOT NULL,
	param INTEGER NOT NULL,
	code TEXT NOT NULL,
	system BIGINT NOT NULL,
	part SMALLINT NOT NULL,
	CONSTRAINT pk_ix_token PRIMARY KEY (rid, param, code, system, part)
)
 WITHOUT ROWID
;

CREATE TABLE "outbox" (
	id INTEGER NOT NULL,
	receiver TEXT NOT NULL,
	family TEXT NOT NULL,
	reference TEXT NOT NULL,
	version INTEGER NOT NULL,
	payload TEXT NOT NULL,
	state TEXT NOT NULL,
	created BIGINT NOT NULL,
	not_before BIGINT NOT NULL,
	attempts INTEGER NOT NULL,
	lease_until BIGINT,
	lease_owner TEXT,
	reason TEXT,
	turn INTEGER DEFAULT '0' NOT NULL,
	terms BLOB,
	doubt SMALLINT DEFAULT '0' NOT NULL,
	as_of BIGINT,
	status TEXT,
	delivered BIGINT,
	confirmed TEXT,
	digest BLOB,
	contents BLOB,
	CONSTRAINT pk_outbox PRIMARY KEY (id),
	CONSTRAINT uq_outbox_receiver_reference_version_payload_turn UNIQUE (receiver, reference, version, payload, turn)
);

CREATE TABLE resource (
	rid INTEGER NOT NULL,
	type TEXT NOT NULL,
	id TEXT NOT NULL,
	version INTEGER NOT NULL,
	updated BIGINT NOT NULL,
	deleted SMALLINT NOT NULL,
	digest BLOB NOT NULL,
	organisation TEXT NOT NULL,
	CONSTRAINT pk_resource PRIMARY KEY (rid),
	CONSTRAINT uq_resource_id_type UNIQUE (id, type)
);

CREATE TABLE snapshot_mark (
	id INTEGER NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT pk_snapshot_mark PRIMARY KEY (id)
);

INSERT INTO "snapshot_mark" VALUES(1,0);

CREATE TABLE version (
	seq INTEGER NOT NULL,
	rid BIGINT NOT NULL,
	version INTEGER NOT NULL,
	type TEXT NOT NULL,
	method TEXT NOT NULL,
	updated BIGINT NOT NULL,
	body BLOB,
	client TEXT NOT NULL,
	organisation TEXT NOT NULL,
	did BIGINT,
	document_version BIGINT,
	CONSTRAINT pk_version PRIMARY KEY (seq),
	CONSTRAINT fk_version_did FOREIGN KEY(did) REFERENCES document (did),
	CONSTRAINT fk_version_rid FOREIGN KEY(rid) REFERENCES resource (rid),
	CONSTRAINT uq_version_rid_version UNIQUE (rid, version)
);

CREATE INDEX ix_resource_type_organisation_rid ON resource (type, organisation, rid);

CREATE INDEX ix_resource_type_rid ON resource (type, rid);

CREATE INDEX ix_resource_type_updated_rid ON resource (type, updated, rid);

CREATE INDEX ix_version_type_seq ON version (type, seq);

CREATE INDEX ix_disclosure_rid ON disclosure (rid);

CREATE INDEX ix_document_resource_rid ON document_resource (rid);

CREATE INDEX ix_ix_token_param_code_rid_system_part ON ix_token (param, code, rid, system, part);

CREATE INDEX ix_ix_reference_param_target_rid_part ON ix_reference (param, target, rid, part);

CREATE INDEX ix_ix_string_param_norm_rid_exact_part ON ix_string (param, norm, rid, exact, part);

CREATE INDEX ix_ix_date_param_high_low_rid_part ON ix_date (param, high, low, rid, part);

CREATE INDEX ix_ix_date_param_low_high_rid_part ON ix_date (param, low, high, rid, part);

CREATE INDEX ix_ix_quantity_param_high_rid ON ix_quantity (param, high, rid);

CREATE INDEX ix_ix_quantity_param_low_rid ON ix_quantity (param, low, rid);

CREATE INDEX ix_audit_organisation_seq ON audit (organisation, seq);

CREATE INDEX ix_audit_recorded_seq ON audit (recorded, seq);

CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;

CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;

CREATE TRIGGER audit_entity_no_update BEFORE UPDATE ON audit_entity BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;

CREATE TRIGGER audit_entity_no_delete BEFORE DELETE ON audit_entity BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;

CREATE INDEX ix_assertion_expires ON assertion (expires);

CREATE INDEX ix_answer_resource ON answer (resource);

CREATE INDEX ix_answer_document_received_did ON answer_document (received, did);

CREATE INDEX ix_document_updated_did ON document (updated, did);

CREATE INDEX ix_export_job_state_created ON export_job (state, created);

CREATE INDEX ix_outbox_reference ON outbox (reference);

CREATE INDEX ix_outbox_family ON outbox (family);

CREATE INDEX ix_outbox_ready ON outbox (receiver, not_before, id) WHERE state = 'waiting';

CREATE INDEX ix_outbox_order ON outbox (receiver, family, id) WHERE state = 'waiting';

CREATE INDEX ix_outbox_parked ON outbox (receiver, id) WHERE state = 'parked';
