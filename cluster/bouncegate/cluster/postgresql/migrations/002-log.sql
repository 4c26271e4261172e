-- What changes the log. Each function runs with the rights of its owner, so it finds every name by
-- its own path. An error of class BG tells the client what is wrong:
--   BG001  a node's number is taken by another body, or was passed over
--   BG002  invalid arguments
--   BG004  the log lacks an entry that it had acknowledged

CREATE FUNCTION bouncegate.now_ms() RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint $$;

-- A blanked body is a zero octet and the hash of what it was.
CREATE FUNCTION bouncegate.body_hash(body bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN octet_length(body) = 33 AND get_byte(body, 0) = 0 THEN substr(body, 2)
        ELSE sha256(body)
    END
$$;

-- Append entries of a node, all or none, and tell the head. Whoever appends holds the row of `head`
-- until its commit, so positions have no gaps and become visible in their order. What the log has
-- is left out: a client that lost its answer calls again. A client that says after which number
-- (0: it does not say) finds out that a failover lost some before it passes them over.
CREATE FUNCTION bouncegate.append(
    p_node text, p_seqs bigint[], p_bodies bytea[], p_after bigint,
    OUT head_position bigint, OUT head_chain bytea
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_many CONSTANT integer := coalesce(cardinality(p_seqs), 0);
    v_head bouncegate.head;
    v_node bouncegate.nodes;
    v_last bigint;
    v_began bigint;
    v_seq bigint;
    v_body bytea;
    v_hash bytea;
    v_found bytea;
    v_octets bigint := 0;
BEGIN
    IF p_node IS NULL OR v_many NOT BETWEEN 1 AND 1000
        OR v_many IS DISTINCT FROM cardinality(p_bodies)
    THEN
        RAISE EXCEPTION 'an append takes a node and 1 to 1000 entries' USING ERRCODE = 'BG002';
    END IF;

    SELECT * INTO STRICT v_head FROM bouncegate.head FOR UPDATE;
    SELECT * INTO v_node FROM bouncegate.nodes AS n WHERE n.node = p_node;
    v_last := coalesce(v_node.seq, 0);
    IF p_after > v_last THEN
        RAISE EXCEPTION 'the log has entries of % up to % and lost those up to %',
            p_node, v_last, p_after USING ERRCODE = 'BG004';
    END IF;
    v_began := v_head.position;
    v_head.at := greatest(v_head.at, bouncegate.now_ms());

    FOR i IN 1..v_many LOOP
        v_seq := p_seqs[i];
        v_body := p_bodies[i];
        v_octets := v_octets + coalesce(octet_length(v_body), 0);
        IF v_seq IS NULL OR v_seq <= coalesce(p_seqs[i - 1], 0) THEN
            RAISE EXCEPTION 'the numbers of entries have to ascend from 1 on'
                USING ERRCODE = 'BG002';
        ELSIF v_body IS NULL OR octet_length(v_body) NOT BETWEEN 1 AND 1048576
            OR v_octets > 8388608
        THEN
            RAISE EXCEPTION 'entry % of % is too large, or empty', v_seq, p_node
                USING ERRCODE = 'BG002';
        ELSIF get_byte(v_body, 0) = 0 THEN
            RAISE EXCEPTION 'entry % of % is not sealed', v_seq, p_node USING ERRCODE = 'BG002';
        END IF;
        v_hash := sha256(v_body);

        IF v_seq > v_last THEN
            v_head.position := v_head.position + 1;
            v_head.chain := sha256(
                v_head.chain || int8send(v_head.position) || int8send(v_seq)
                || int8send(v_head.at) || v_hash || convert_to(p_node, 'UTF8')
            );
            INSERT INTO bouncegate.log (position, node, seq, at, body, chain)
            VALUES (v_head.position, p_node, v_seq, v_head.at, v_body, v_head.chain);
            v_last := v_seq;
        ELSIF v_seq > v_node.forgotten THEN
            SELECT bouncegate.body_hash(l.body) INTO v_found
            FROM bouncegate.log AS l WHERE l.node = p_node AND l.seq = v_seq;
            IF v_found IS NULL THEN
                RAISE EXCEPTION 'entry % of % comes after its entry %', v_seq, p_node, v_node.seq
                    USING ERRCODE = 'BG001';
            ELSIF v_found <> v_hash THEN
                RAISE EXCEPTION 'entry % of % is in the log with another content', v_seq, p_node
                    USING ERRCODE = 'BG001';
            END IF;
        END IF;
    END LOOP;

    IF v_head.position > v_began THEN
        INSERT INTO bouncegate.nodes AS n (node, seq) VALUES (p_node, v_last)
        ON CONFLICT (node) DO UPDATE SET seq = excluded.seq;
        UPDATE bouncegate.head
        SET position = v_head.position, chain = v_head.chain, at = v_head.at;
        PERFORM pg_notify('bouncegate_log', v_head.position::text);
    END IF;
    head_position := v_head.position;
    head_chain := v_head.chain;
END
$$;

-- Leave of these rows' bodies only their hashes; how many were changed. The chain stays as it is.
CREATE FUNCTION bouncegate.blank(p_positions bigint[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_changed bigint;
BEGIN
    IF p_positions IS NULL OR cardinality(p_positions) > 10000 THEN
        RAISE EXCEPTION 'at most 10000 rows can be blanked at once' USING ERRCODE = 'BG002';
    END IF;
    UPDATE bouncegate.log AS l SET body = decode('00', 'hex') || bouncegate.body_hash(l.body)
    WHERE l.position = ANY (p_positions)
        AND NOT (octet_length(l.body) = 33 AND get_byte(l.body, 0) = 0);
    GET DIAGNOSTICS v_changed = ROW_COUNT;
    RETURN v_changed;
END
$$;

-- Forget rows older than p_keep milliseconds, the oldest first, p_limit at most; how many went.
-- What a machine that was seen within that time has not applied stays, and what is younger than
-- a day stays for whoever asks.
CREATE FUNCTION bouncegate.forget(p_keep bigint, p_limit integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_head bouncegate.head;
    v_oldest bigint;
    v_upto bigint;
    v_went bigint;
BEGIN
    IF p_keep IS NULL OR p_keep < 86400000 OR p_limit IS NULL OR p_limit NOT BETWEEN 1 AND 100000
    THEN
        RAISE EXCEPTION 'the log is kept for a day at least, and 1 to 100000 rows go at once'
            USING ERRCODE = 'BG002';
    END IF;
    SELECT * INTO STRICT v_head FROM bouncegate.head FOR UPDATE;
    v_oldest := bouncegate.now_ms() - p_keep;
    SELECT least(min(n.position), v_head.position, v_head.forgotten + p_limit) INTO v_upto
    FROM bouncegate.nodes AS n WHERE n.seen > v_oldest;
    SELECT least(v_upto, min(l.position) - 1) INTO v_upto
    FROM bouncegate.log AS l WHERE l.position <= v_upto AND l.at >= v_oldest;

    UPDATE bouncegate.nodes AS n SET forgotten = gone.seq
    FROM (
        SELECT l.node, max(l.seq) AS seq FROM bouncegate.log AS l
        WHERE l.position <= v_upto GROUP BY l.node
    ) AS gone
    WHERE n.node = gone.node;
    DELETE FROM bouncegate.log AS l WHERE l.position <= v_upto;
    GET DIAGNOSTICS v_went = ROW_COUNT;
    UPDATE bouncegate.head AS h SET forgotten = greatest(h.forgotten, v_upto) WHERE v_went > 0;

    DELETE FROM bouncegate.rates AS r WHERE r.ctid = ANY (ARRAY(
        SELECT o.ctid FROM bouncegate.rates AS o WHERE o.hour < v_oldest / 3600000 LIMIT p_limit
    ));
    RETURN v_went;
END
$$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA bouncegate FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    bouncegate.now_ms(),
    bouncegate.append(text, bigint[], bytea[], bigint),
    bouncegate.blank(bigint[]),
    bouncegate.forget(bigint, integer)
TO bouncegate_machine;
