"""The pipeline as a Terraform configuration, the second reference of `deploy`.

It runs where `terraform` is installed and `TERRAFORM_PLUGINS` names a folder with the AWS provider, as for
`terraform init -plugin-dir`: nothing is downloaded.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from bench.plain_script import INDEXES
from pipectl.iam import roles
from pipectl.local.home import Credentials
from pipectl.pipeline import Pipeline
from pipectl.policy_document import deny_plain_http, document
from pipectl.resources.function import Function

SERVICES = ("cloudwatch", "dynamodb", "iam", "lambda", "logs", "s3", "sqs", "sts")
FLAGS = ("skip_credentials_validation", "skip_metadata_api_check", "skip_region_validation", "s3_use_path_style")


def available() -> bool:
    """Return whether Terraform and its AWS provider are on this machine."""
    return bool(shutil.which("terraform") and os.environ.get("TERRAFORM_PLUGINS"))


class Terraform:
    """A folder with the configuration of a pipeline. `credentials` are those of its account on the emulator."""

    def __init__(self, folder: Path, endpoint: str, credentials: Credentials, pipeline: Pipeline) -> None:
        self.folder, self.pipeline = folder, pipeline
        self.names, self.physical, self.config = pipeline.names, pipeline.physical, pipeline.config
        provider = {
            "region": self.names.region,
            "access_key": credentials["aws_access_key_id"],
            "secret_key": credentials["aws_secret_access_key"],
            "endpoints": [dict.fromkeys(SERVICES, endpoint)],
            "default_tags": [{"tags": dict(self.names.tags(self.config.tags))}],
            **dict.fromkeys(FLAGS, True),
        }
        whole = {
            "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws"}}},
            "provider": {"aws": provider},
            "resource": self._resources(),
        }
        (folder / "main.tf.json").write_text(json.dumps(whole))
        self.run("init", f"-plugin-dir={os.environ['TERRAFORM_PLUGINS']}")

    def run(self, *words: str) -> None:
        """Run a command of Terraform."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "CHECKPOINT_DISABLE": "1"}
        command = ["terraform", *words, "-input=false", "-no-color"]
        subprocess.run(command, cwd=self.folder, env=environment, check=True, capture_output=True)

    def apply(self) -> None:
        self.run("apply", "-auto-approve")

    def plan(self) -> None:
        self.run("plan")

    def destroy(self) -> None:
        self.run("destroy", "-auto-approve")

    def _resources(self) -> dict[str, Any]:
        groups = (self.physical.processor_log_group, self.physical.auditor_log_group)
        alarms = [each.name for each in self.pipeline.resources().values() if each.kind == "alarm"]
        return {
            **self._roles(),
            **self._tables(),
            **self._bucket(),
            **self._queue(),
            "aws_cloudwatch_log_group": {
                name: {"name": group, "retention_in_days": 30}
                for name, group in zip(("processor", "auditor"), groups, strict=True)
            },
            **self._functions(),
            **self._mappings(),
            "aws_cloudwatch_metric_alarm": {f"alarm{place}": self._alarm(name) for place, name in enumerate(alarms)},
        }

    def _roles(self) -> dict[str, Any]:
        statements = {
            "processor": (self.physical.processor_role, roles.processor_statements(self.config, self.names)),
            "auditor": (self.physical.auditor_role, roles.auditor_statements(self.config, self.names)),
        }
        trust = json.dumps(document([roles.trust_lambda(self.names.account_id)]))
        return {
            "aws_iam_role": {key: {"name": name, "assume_role_policy": trust} for key, (name, _) in statements.items()},
            "aws_iam_role_policy": {
                key: {"name": "permissions", "role": f"${{aws_iam_role.{key}.name}}", "policy": _policy(body)}
                for key, (_, body) in statements.items()
            },
        }

    def _tables(self) -> dict[str, Any]:
        common = {"billing_mode": "PAY_PER_REQUEST", "point_in_time_recovery": {"enabled": True}}
        keys = ["auditId", "timestamp", *INDEXES.values()]
        orders = {
            "name": self.physical.orders_table,
            "hash_key": "orderId",
            "attribute": [{"name": "orderId", "type": "S"}],
            "stream_enabled": True,
            "stream_view_type": "NEW_AND_OLD_IMAGES",
        }
        audit = {
            "name": self.physical.audit_table,
            "hash_key": "auditId",
            "range_key": "timestamp",
            "attribute": [{"name": key, "type": "S"} for key in keys],
            "global_secondary_index": [
                {"name": index, "hash_key": key, "range_key": "timestamp", "projection_type": "ALL"}
                for index, key in INDEXES.items()
            ],
        }
        return {"aws_dynamodb_table": {"orders": orders | common, "audit": audit | common}}

    def _bucket(self) -> dict[str, Any]:
        arn, bucket = self.names.bucket_arn(self.physical.bucket), {"bucket": "${aws_s3_bucket.bucket.id}"}
        blocks = ("block_public_acls", "ignore_public_acls", "block_public_policy", "restrict_public_buckets")
        encryption = {"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}
        policy = _policy([deny_plain_http(["s3:*"], [arn, f"{arn}/*"])])
        return {
            "aws_s3_bucket": {"bucket": {"bucket": self.physical.bucket, "force_destroy": True}},
            "aws_s3_bucket_public_access_block": {"bucket": bucket | dict.fromkeys(blocks, True)},
            "aws_s3_bucket_server_side_encryption_configuration": {"bucket": bucket | {"rule": encryption}},
            "aws_s3_bucket_versioning": {"bucket": bucket | {"versioning_configuration": {"status": "Enabled"}}},
            "aws_s3_bucket_ownership_controls": {
                "bucket": bucket | {"rule": {"object_ownership": "BucketOwnerEnforced"}}
            },
            "aws_s3_bucket_policy": {"bucket": bucket | {"policy": policy}},
        }

    def _queue(self) -> dict[str, Any]:
        arn = self.names.queue_arn(self.physical.queue)
        queue = {
            "name": self.physical.queue,
            "message_retention_seconds": 1209600,
            "max_message_size": 262144,
            "visibility_timeout_seconds": 180,
            "sqs_managed_sse_enabled": True,
            "policy": _policy([deny_plain_http(["sqs:*"], [arn])]),
        }
        return {"aws_sqs_queue": {"queue": queue}}

    def _functions(self) -> dict[str, Any]:
        variables = {
            "processor": {
                "BUCKET_NAME": self.physical.bucket,
                "BUCKET_OWNER": self.names.account_id,
                "PROCESSED_PREFIX": "processed-data",
                "FAILED_PREFIX": "failed-data",
            },
            "auditor": {"AUDIT_TABLE_NAME": self.physical.audit_table},
        }
        functions = {}
        for key, resource in self.pipeline.resources().items():
            if isinstance(resource, Function):
                package = self.folder / f"{key}.zip"
                package.write_bytes(resource.package.body)
                functions[key] = {
                    "function_name": resource.name,
                    "role": f"${{aws_iam_role.{key}.arn}}",
                    "runtime": "python3.13",  # providers refuse runtimes that are newer than they are
                    "handler": "handler.handler",
                    "architectures": ["arm64"],
                    "memory_size": 256,
                    "timeout": 30,
                    "environment": {"variables": variables[key]},
                    "filename": str(package),
                    "publish": key == "processor",
                    "depends_on": [f"aws_iam_role_policy.{key}", f"aws_cloudwatch_log_group.{key}"],
                }
        live = {
            "name": "live",
            "function_name": "${aws_lambda_function.processor.function_name}",
            "function_version": "${aws_lambda_function.processor.version}",
        }
        return {"aws_lambda_function": functions, "aws_lambda_alias": {"live": live}}

    def _mappings(self) -> dict[str, Any]:
        report = {"function_response_types": ["ReportBatchItemFailures"]}
        stream = {
            "event_source_arn": "${aws_dynamodb_table.orders.stream_arn}",
            "function_name": "${aws_lambda_alias.live.arn}",
            "starting_position": "TRIM_HORIZON",
            "batch_size": 100,
            "maximum_retry_attempts": 3,
            "maximum_record_age_in_seconds": 43200,
            "bisect_batch_on_function_error": True,
            "destination_config": {"on_failure": {"destination_arn": "${aws_sqs_queue.queue.arn}"}},
            "filter_criteria": {"filter": [{"pattern": '{"eventName": ["INSERT", "MODIFY"]}'}]},
        }
        queue = {
            "event_source_arn": "${aws_sqs_queue.queue.arn}",
            "function_name": "${aws_lambda_function.auditor.function_name}",
            "batch_size": 10,
        }
        return {"aws_lambda_event_source_mapping": {"stream": stream | report, "queue": queue | report}}

    def _alarm(self, name: str) -> dict[str, Any]:
        return {
            "alarm_name": name,
            "namespace": "AWS/Lambda",
            "metric_name": "Errors",
            "dimensions": {"FunctionName": self.physical.processor},
            "statistic": "Sum",
            "period": 300,
            "evaluation_periods": 1,
            "threshold": 5,
            "comparison_operator": "GreaterThanOrEqualToThreshold",
            "treat_missing_data": "notBreaching",
        }


def _policy(statements: list[Any]) -> str:
    return json.dumps(document(statements))
