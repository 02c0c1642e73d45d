//! A template and functions for this crate's tests.

use crate::template::Template;
use domain::time::{Clock, Timestamp};
use tokio::time::Instant;

/// Every short tag, two tables, and functions with each kind of event.
pub(crate) const TEMPLATE: &str = r#"
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  LogLevel: {Type: String, Default: info}
  Retention: {Type: Number, Default: 30}
  Secret: {Type: String}
Globals:
  Function:
    Timeout: 10
    Environment:
      Variables:
        CORE_TABLE: !Ref CoreTable
        LOG_LEVEL: !Ref LogLevel
        RETENTION_DAYS: !Ref Retention
        SECRET: !Ref Secret
        HIDDEN: global
        EPR_AUTH: "on"
Conditions:
  Protected: !Equals [!Ref LogLevel, info]
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth: {DefaultAuthorizer: Lambda}
  CoreTable:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Retain
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions:
        - {AttributeName: pk, AttributeType: S}
        - {AttributeName: sk, AttributeType: S}
        - {AttributeName: gsi1pk, AttributeType: S}
        - {AttributeName: gsi1sk, AttributeType: N}
      KeySchema:
        - {AttributeName: pk, KeyType: HASH}
        - {AttributeName: sk, KeyType: RANGE}
      GlobalSecondaryIndexes:
        - IndexName: gsi1
          KeySchema:
            - {AttributeName: gsi1pk, KeyType: HASH}
            - {AttributeName: gsi1sk, KeyType: RANGE}
          Projection: {ProjectionType: INCLUDE, NonKeyAttributes: [name]}
      StreamSpecification: {StreamViewType: NEW_IMAGE}
      TimeToLiveSpecification: {AttributeName: expires_at, Enabled: true}
      DeletionProtectionEnabled: !If [Protected, true, false]
  PlainTable:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
  EntitiesFunction:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: entities}}
    Properties:
      CodeUri: .
      Environment:
        Variables:
          LIMIT: 50
          HIDDEN: !GetAtt CoreTable.Arn
          PLAIN_TABLE: {Ref: PlainTable}
      Policies:
        - DynamoDBCrudPolicy: {TableName: !Ref CoreTable}
        - Statement: [{Effect: Allow, Action: "sns:Publish", Resource: !Sub "arn:${AWS::Partition}:x"}]
      Events:
        Create: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: post, Path: /api/v1/entities}}
        List: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /api/v1/entities}}
        One: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: ANY, Path: "/api/v1/entities/{id}"}}
        Part:
          Type: HttpApi
          Properties: {ApiId: !Ref Api, Method: ANY, Path: "/api/v1/entities/{entity_id}/parts/{part}"}
        Search: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /api/v1/entities/search}}
        Health:
          Type: HttpApi
          Properties: {ApiId: !Ref Api, Method: GET, Path: /healthz, Auth: {Authorizer: NONE}}
  RelayFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: ./functions/outbox-relay/
      Events:
        Stream: {Type: DynamoDB, Properties: {Stream: !GetAtt CoreTable.StreamArn, StartingPosition: LATEST}}
Outputs:
  Url: {Value: !Sub "https://${Api}.execute-api.${AWS::Region}.amazonaws.com"}
"#;

pub(crate) fn template() -> Template {
    Template::parse(TEMPLATE).unwrap()
}

/// A table whose changes reach a topic, queues behind that, and functions behind those.
pub(crate) const FLOW: &str = r#"
Parameters:
  Patience: {Type: Number, Default: 60}
Resources:
  LedgerTable:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      StreamSpecification: {StreamViewType: NEW_IMAGE}
  EventsTopic: {Type: AWS::SNS::Topic}
  WorkQueue:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: !Ref Patience
      RedrivePolicy: {deadLetterTargetArn: !GetAtt DeadQueue.Arn, maxReceiveCount: 2}
  DeadQueue: {Type: AWS::SQS::Queue, Properties: {MessageRetentionPeriod: 1209600}}
  RawQueue:
    Type: AWS::SQS::Queue
    Properties: {DelaySeconds: 0, ReceiveMessageWaitTimeSeconds: 20}
  WorkSubscription:
    Type: AWS::SNS::Subscription
    Properties: {TopicArn: !Ref EventsTopic, Protocol: sqs, Endpoint: !GetAtt WorkQueue.Arn}
  RawSubscription:
    Type: AWS::SNS::Subscription
    Properties:
      TopicArn: !Ref EventsTopic
      Protocol: sqs
      Endpoint: !GetAtt [RawQueue, Arn]
      RawMessageDelivery: true
      FilterPolicy:
        event_type: [entity.created, {prefix: role.}]
        tenant_id: [{anything-but: [t-hidden]}]
  MailSubscription:
    Type: AWS::SNS::Subscription
    Properties: {TopicArn: !Ref EventsTopic, Protocol: email, Endpoint: a@example.com}
  RelayFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/relay
      Environment:
        Variables:
          TOPIC: !Ref EventsTopic
          QUEUE: !Ref WorkQueue
          QUEUE_ARN: !GetAtt WorkQueue.Arn
          PATIENCE: !Ref Patience
      Events:
        Stream:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt LedgerTable.StreamArn
            StartingPosition: TRIM_HORIZON
            BatchSize: 4
            MaximumRetryAttempts: 2
            BisectBatchOnFunctionError: true
            FunctionResponseTypes: [ReportBatchItemFailures]
            DestinationConfig: {OnFailure: {Destination: !GetAtt DeadQueue.Arn}}
            FilterCriteria: {Filters: [{Pattern: '{"eventName": ["INSERT"]}'}]}
  WorkerFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/worker
      Events:
        Work:
          Type: SQS
          Properties:
            Queue: !GetAtt WorkQueue.Arn
            BatchSize: 5
            FunctionResponseTypes: [ReportBatchItemFailures]
            ScalingConfig: {MaximumConcurrency: 2}
  SweeperFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/sweeper
      Events:
        Tick: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(5 minutes)}}
"#;

pub(crate) fn flow() -> Template {
    Template::parse(FLOW).unwrap()
}

/// A clock that goes as tokio's does: in a test whose clock is paused, only when that is advanced.
pub(crate) fn clock() -> Clock {
    let (started, moment) = (Instant::now(), Timestamp::parse("2026-11-23T03:30:53Z").unwrap());
    Clock::from_fn(move || {
        let passed = i64::try_from(started.elapsed().as_micros()).unwrap();
        Timestamp::from_microseconds(moment.as_microseconds() + passed).unwrap()
    })
}
